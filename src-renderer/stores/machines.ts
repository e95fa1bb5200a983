import { defineStore } from 'pinia'
import { computed, ref, shallowReactive, watch } from 'vue'
import { hostContract, type HostContract, type NewVm } from '../../engine/protocol/host-contract.ts'
import { RpcClient, RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import { type VmChoice, withChoice } from '../../engine/protocol/vm-choice.ts'
import type { HostFault, VmSettings, VmSummary } from '../../engine/protocol/vm.ts'
import { faultText } from '../i18n/fault-text.ts'
import { transport } from '../transport/index.ts'
import { useLocale } from './locale.ts'
import { MergeNotices } from './merges.ts'
import { useNotices } from './notices.ts'
import { usePassphrases } from './passphrases.ts'

const RETRY_MS = 1500

/** The library as the host has it. Events keep it true; components never talk to the host themselves. */
export const useMachines = defineStore('machines', () => {
  const byId = ref(new Map<string, VmSummary>())
  const selectedId = ref<string | null>(null)
  /** What all machines do is shown instead of one of them. */
  const overview = ref(false)
  watch(selectedId, (id) => (overview.value &&= id === null))
  const connected = ref(false)
  /** False until the first list has come. */
  const loaded = ref(false)
  let client: RpcClient<HostContract> | null = null
  const passphrases = usePassphrases()
  const merges = new MergeNotices()

  /** What was chosen and is on its way to the host, by machine: it is shown as if it were so, and the next choice builds on it. */
  const choices = shallowReactive(new Map<string, readonly VmChoice[]>())
  const asChosen = (machine: VmSummary): VmSummary =>
    choices.get(machine.id)?.reduce(withChoice, machine) ?? machine
  const list = computed(() =>
    [...byId.value.values()].map(asChosen).toSorted((a, b) => a.name.localeCompare(b.name)),
  )
  const selected = computed(() => {
    const machine = byId.value.get(selectedId.value ?? '')
    return machine ? asChosen(machine) : null
  })

  function note(machine: VmSummary): void {
    byId.value.set(machine.id, machine)
  }

  function warnOf(id: string, fault: HostFault): void {
    const { t } = useLocale()
    useNotices().warn(t('fault.title', { name: byId.value.get(id)?.name ?? id }), faultText(fault, t))
  }

  /** Keeps a connection to the host, for as long as the page lives. */
  async function connect(): Promise<void> {
    try {
      const channel = await transport.openHost()
      client = new RpcClient<HostContract>(hostContract, channel, () => {
        connected.value = false
        setTimeout(() => void connect(), RETRY_MS)
      })
      client.on('changed', note)
      client.on('removed', ({ id }) => {
        byId.value.delete(id)
        if (selectedId.value === id) selectedId.value = list.value[0]?.id ?? null
      })
      client.on('fault', ({ id, fault }) => warnOf(id, fault))
      client.on('merging', ({ id, ...state }) =>
        merges.tell(id, byId.value.get(id)?.name ?? id, state, {
          hold: (isHeld) => void host().call('holdMerge', { id, isHeld }),
          stop: () => void host().call('stopMerge', { id }),
        }),
      )
      await refresh()
      connected.value = true
      loaded.value = true
    } catch {
      if (!connected.value) setTimeout(() => void connect(), RETRY_MS)
    }
  }

  /** Reads the library anew: files may have been repaired or removed by hand. */
  async function refresh(): Promise<void> {
    const machines = await host().call('list', undefined)
    byId.value = new Map(machines.map((machine) => [machine.id, machine]))
    if (!selected.value && !overview.value) selectedId.value = list.value[0]?.id ?? null
  }

  /** The host, for stores of a part of it. */
  function host(): RpcClient<HostContract> {
    if (!client) throw new RpcError('disconnected')
    return client
  }

  function showOverview(): void {
    selectedId.value = null
    overview.value = true
  }

  const on =
    (name: 'pause' | 'resume' | 'reset' | 'powerButton' | 'powerOff' | 'saveState' | 'discardState') =>
    async (id: string): Promise<void> =>
      host().call(name, { id })

  /** Says so where a machine may come to need more memory than is free. It starts all the same: few guests use all of theirs. */
  async function warnOfMemory(id: string): Promise<void> {
    const { name, memoryMiB } = byId.value.get(id) ?? {}
    const there = await host().call('host', undefined)
    if (!name || !memoryMiB || memoryMiB <= there.freeMiB) return
    const { t } = useLocale()
    useNotices().warn(
      t('memory.scarce', { name }),
      t('memory.scarceText', { wanted: memoryMiB, free: there.freeMiB }),
    )
  }

  /**
   * Starts a machine, asking for the passphrases of its encrypted disks; without one, nothing is started.
   * @param known passphrases that the user gave a moment ago
   */
  async function start(id: string, disposable: boolean, known: readonly string[] = []): Promise<void> {
    await warnOfMemory(id)
    const given = new Map<string, string>()
    for (;;) {
      try {
        return await host().call('start', {
          id,
          disposable,
          secrets: [...new Set([...known, ...given.values()])],
        })
      } catch (error) {
        const code = error instanceof RpcError ? error.code : ''
        if (code !== 'passphrase-missing' && code !== 'passphrase-wrong') throw error
        const path = String((error as RpcError).details['path'])
        const secret = await passphrases.ask(path, given.has(path))
        if (secret === null) return
        given.set(path, secret)
      }
    }
  }

  /** Shows a machine that has just come to be. */
  function reveal(machine: VmSummary): void {
    note(machine)
    selectedId.value = machine.id
  }

  async function create(wish: NewVm): Promise<string> {
    const machine = await host().call('create', wish)
    reveal(machine)
    return machine.id
  }

  /** Makes a choice of a menu, which undoes no other. */
  async function choose(id: string, choice: VmChoice): Promise<void> {
    const others = (): readonly VmChoice[] => (choices.get(id) ?? []).filter((one) => one !== choice)
    choices.set(id, [...others(), choice])
    try {
      await host().call('choose', { id, choice })
    } finally {
      const left = others()
      if (left.length > 0) choices.set(id, left)
      else choices.delete(id)
    }
  }

  async function moveToGroup(which: readonly VmSummary[], group: string): Promise<void> {
    for (const { id } of which) await choose(id, { group })
  }

  return {
    list,
    selected,
    selectedId,
    overview,
    showOverview,
    connected,
    loaded,
    connect,
    refresh,
    host,
    reveal,
    create,
    start: (id: string, known: readonly string[] = []) => start(id, false, known),
    /** What it writes is thrown away when it ends. */
    startDisposable: (id: string) => start(id, true),
    pause: on('pause'),
    resume: on('resume'),
    reset: on('reset'),
    powerButton: on('powerButton'),
    powerOff: on('powerOff'),
    saveState: on('saveState'),
    discardState: on('discardState'),
    settings: async (id: string) => host().call('settings', { id }),
    choose,
    moveToGroup,
    change: async (id: string, settings: VmSettings) => host().call('change', { id, settings }),
    clone: async (id: string, name: string, linked: boolean, task: CallTask) =>
      reveal(await host().call('clone', { id, name, linked }, task)),
    remove: async (id: string, files: 'keep' | 'delete') => host().call('remove', { id, files }),
    putBack: async (id: string) => reveal(await host().call('putBack', { id })),
    showFolder: async (id: string) => host().call('showFolder', { id }),
    presets: async () => host().call('presets', undefined),
    hostInfo: async () => host().call('host', undefined),
    activity: async () => host().call('activity', undefined),
    log: async (id: string) => host().call('log', { id }),
    picture: async (id: string) => host().call('picture', { id }),
    setPicture: async (id: string, picture: string | null) => host().call('setPicture', { id, picture }),
    thumbnail: async (id: string) => host().call('thumbnail', { id }),
    images: async () => host().call('images', undefined),
    insert: async (id: string, drive: string, image: string) => host().call('insert', { id, drive, image }),
    eject: async (id: string, drive: string) => host().call('eject', { id, drive }),
  }
})
