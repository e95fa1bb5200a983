import { computed, onScopeDispose, ref, shallowRef, type Ref } from 'vue'
import { RpcClient, RpcError } from '../../engine/protocol/rpc.ts'
import { viewContract, type ViewContract } from '../../engine/protocol/vm-contract.ts'
import type { LayoutName } from '../../engine/protocol/keyboard-layouts.ts'
import type { TimeScale } from '../../engine/protocol/execution.ts'
import type { ScreenText, VmStats } from '../../engine/protocol/vm.ts'
import { Painter, type Picture } from '../display/painter.ts'
import { transport } from '../transport/index.ts'

/** One window on one running machine: its picture on a canvas, its input, its serial ports, its statistics. */
export interface MachineView {
  readonly size: Ref<Picture | null>
  readonly stats: Ref<VmStats | null>
  /** Guest time per host time, as it was asked for last. */
  readonly timeScale: Readonly<Ref<number>>
  /** The guest takes absolute positions: the pointer need not be caught. */
  readonly absolute: Ref<boolean>
  /** Counts the texts that the guest gave for this computer's clipboard. */
  readonly texts: Ref<number>
  readonly serialPorts: Ref<number>
  /** Where each port leads besides the console. */
  readonly serialPlaces: Ref<(string | null)[]>
  readonly client: Ref<RpcClient<ViewContract> | null>
  key(code: string, pressed: boolean): void
  releaseAll(): void
  screenText(): Promise<ScreenText>
  /** Lays text out for the guest's clipboard. */
  offerText(text: string): Promise<void>
  /** The text that the guest copied last; null when there is none. */
  guestText(): Promise<string | null>
  /** @param layout that the guest has */
  type(text: string, layout: LayoutName, charactersPerSecond: number, signal: AbortSignal): Promise<void>
  /** Has guest time pass faster or slower than here. */
  setTimeScale(scale: TimeScale): Promise<void>
  /** The picture as PNG, in the guest's own pixels. */
  snapshot(): Promise<Blob>
  /** @param canvas one that nothing was drawn on yet */
  open(id: string, canvas: HTMLCanvasElement): Promise<void>
}

export function useView(onSerial: (port: number, data: string) => void): MachineView {
  const size = ref<Picture | null>(null)
  const stats = ref<VmStats | null>(null)
  /** What was asked for, until a report tells of it. */
  const askedScale = ref<TimeScale | null>(null)
  const timeScale = computed(() => askedScale.value ?? stats.value?.timeScale ?? 1)
  let asking = 0
  const absolute = ref(false)
  const texts = ref(0)
  const serialPorts = ref(0)
  const serialPlaces = ref<(string | null)[]>([])
  const client = shallowRef<RpcClient<ViewContract> | null>(null)
  let painter: Painter | null = null
  let disposed = false

  async function open(id: string, canvas: HTMLCanvasElement): Promise<void> {
    const link = await transport.openView(id)
    if (disposed) return link.channel.close()
    const view = new RpcClient<ViewContract>(viewContract, link.channel, () => (client.value = null))
    client.value = view
    view.on('opened', (opened) => {
      serialPorts.value = opened.serialPorts
      serialPlaces.value = opened.serialPlaces
      painter = new Painter(canvas, {
        onSize: (picture) => (size.value = picture),
        onDrawn: (sequence) => view.notify('acknowledge', { sequence }),
      })
      painter.show(link.frames(opened.view))
      view.notify('watchStats', { on: true })
    })
    view.on('serial', ({ port, data }) => onSerial(port, data))
    view.on('stats', (latest) => {
      stats.value = latest
      if (asking === 0) askedScale.value = null
    })
    view.on('textGiven', () => texts.value++)
    view.on('pointer', (pointer) => (absolute.value = pointer.absolute))
  }

  onScopeDispose(() => {
    disposed = true
    client.value?.close()
    painter?.close()
  })

  async function setTimeScale(scale: TimeScale): Promise<void> {
    askedScale.value = scale
    asking++
    try {
      await running().call('setTimeScale', { scale })
    } finally {
      asking--
    }
  }

  const running = (): RpcClient<ViewContract> => {
    if (!client.value) throw new RpcError('not-running')
    return client.value
  }
  return {
    size,
    stats,
    timeScale,
    absolute,
    texts,
    serialPorts,
    serialPlaces,
    client,
    key: (code, pressed) => client.value?.notify('key', { code, pressed }),
    releaseAll: () => client.value?.notify('releaseAll', undefined),
    screenText: async () => running().call('screenText', undefined),
    offerText: async (text) => running().call('offerText', { text }),
    guestText: async () => running().call('guestText', undefined),
    type: async (text, layout, charactersPerSecond, signal) =>
      running().call('type', { text, layout, charactersPerSecond }, { signal }),
    setTimeScale,
    snapshot: async () => {
      if (!painter) throw new RpcError('not-running')
      return painter.snapshot()
    },
    open,
  }
}
