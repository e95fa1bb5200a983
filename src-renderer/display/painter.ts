import { pixelsOf, readFrame, type ReceivedRect } from '../../engine/protocol/frame.ts'
import type { FrameSource } from '../transport/index.ts'
import { readMessages } from './frame-stream.ts'

/** Frames that are drawn before it is said; one less than may be on the way, so that none waits for that. */
const FRAMES_A_WORD = 2

export interface Picture {
  width: number
  height: number
  /** Width over height as the monitor shows it. */
  aspectRatio: number
}

interface Listener {
  /** The picture has this size now. */
  onSize(picture: Picture): void
  /** Drawn up to here; only told where frames come by a stream, which takes no answer. */
  onDrawn(sequence: number): void
}

/**
 * Draws the frames of one view as they come. The canvas hands each drawing to the compositor at once
 * (`desynchronized`), past the page's own layout and painting; in a worker it would wait for the next animation frame.
 */
export class Painter {
  /** What came while nobody could see it. It is not acknowledged, so the machine soon sends no more. */
  readonly #unseen: ArrayBuffer[] = []
  readonly #context: CanvasRenderingContext2D
  #aspectRatio = 0
  #acknowledged = 0
  #acknowledge: (sequence: number) => void
  /** Where runs become pixels. */
  #room = new Uint32Array(0)
  readonly #stop = new AbortController()

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly listener: Listener,
  ) {
    // The 2D context is the fastest there is where the browser has no GPU, and fast enough where it has.
    this.#context = canvas.getContext('2d', { alpha: false, desynchronized: true })!
    this.#acknowledge = (sequence) => listener.onDrawn(sequence)
    document.addEventListener('visibilitychange', () => this.#drawUnseen(), { signal: this.#stop.signal })
  }

  /** Takes frames from there until `close`, or until they end, which the view's channel tells the page as well. */
  show(source: FrameSource): void {
    const { signal } = this.#stop
    if (source.kind === 'port') {
      const { port } = source
      this.#acknowledge = (sequence) => port.postMessage({ sequence })
      port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (data instanceof ArrayBuffer) this.#take(data)
      })
      port.start()
      signal.addEventListener('abort', () => port.close())
      return
    }
    fetch(source.url, { signal })
      .then((response) => {
        if (response.ok && response.body) return readMessages(response.body, (frame) => this.#take(frame))
      })
      .catch(() => {})
  }

  /** The picture as PNG, in the guest's own pixels. */
  snapshot(): Promise<Blob> {
    return new Promise((resolve, reject) =>
      this.canvas.toBlob((picture) =>
        picture ? resolve(picture) : reject(new Error('The browser cannot write the picture.')),
      ),
    )
  }

  close(): void {
    this.#stop.abort()
  }

  #take(frame: ArrayBuffer): void {
    if (document.hidden) this.#unseen.push(frame)
    else this.#draw(frame)
  }

  #drawUnseen(): void {
    if (!document.hidden) for (const frame of this.#unseen.splice(0)) this.#draw(frame)
  }

  #draw(buffer: ArrayBuffer): void {
    const frame = readFrame(buffer)
    if (!frame) return
    this.#fit(frame)
    for (const rect of frame.rects) this.#put(rect, frame.width * frame.height)
    // Every word goes through three processes.
    if (frame.sequence - this.#acknowledged < FRAMES_A_WORD) return
    this.#acknowledged = frame.sequence
    this.#acknowledge(frame.sequence)
  }

  #fit({ width, height, aspectRatio }: Picture): void {
    const { canvas } = this
    if (width === canvas.width && height === canvas.height && aspectRatio === this.#aspectRatio) return
    // Setting either clears the canvas.
    if (width !== canvas.width) canvas.width = width
    if (height !== canvas.height) canvas.height = height
    this.#aspectRatio = aspectRatio
    this.listener.onSize({ width, height, aspectRatio })
  }

  /** @param most pixels of the whole picture */
  #put(rect: ReceivedRect, most: number): void {
    if (this.#room.length < most) this.#room = new Uint32Array(most)
    const pixels = pixelsOf(rect, this.#room)
    if (!pixels) return
    const bytes = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.byteLength)
    this.#context.putImageData(new ImageData(bytes, rect.width, rect.height), rect.x, rect.y)
  }
}
