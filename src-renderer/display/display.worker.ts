import { pixelsOf, readFrame, type ReceivedRect } from '../../engine/protocol/frame.ts'
import { readMessages } from './frame-stream.ts'
import type { FromDisplayWorker, ToDisplayWorker } from './worker-messages.ts'

/** Draws the frames of one view, off the page's thread. */
const post = (message: FromDisplayWorker): void => (self as unknown as Worker).postMessage(message)

/** Frames that are drawn before it is said; one less than may be on the way, so that none waits for that. */
const FRAMES_A_WORD = 2

/** Draws what came since the last animation frame, and only then gives credit for more. */
class Painter {
  #queue: ArrayBuffer[] = []
  #context: OffscreenCanvasRenderingContext2D
  #aspectRatio = 0
  #acknowledged = 0
  /** Where runs become pixels. */
  #room = new Uint32Array(0)

  constructor(
    private readonly canvas: OffscreenCanvas,
    private readonly acknowledge: (sequence: number) => void,
  ) {
    // The 2D context is the fastest there is where the browser has no GPU, and fast enough where it has.
    this.#context = canvas.getContext('2d', { alpha: false, desynchronized: true })!
  }

  add(frame: ArrayBuffer): void {
    if (this.#queue.push(frame) === 1) requestAnimationFrame(() => this.#draw())
  }

  snapshot(): Promise<Blob> {
    return this.canvas.convertToBlob({ type: 'image/png' })
  }

  #draw(): void {
    let drawn = 0
    for (const buffer of this.#queue.splice(0)) {
      const frame = readFrame(buffer)
      if (!frame) continue
      const { width, height, aspectRatio } = frame
      if (width !== this.canvas.width || height !== this.canvas.height || aspectRatio !== this.#aspectRatio) {
        if (width !== this.canvas.width) this.canvas.width = width
        if (height !== this.canvas.height) this.canvas.height = height
        this.#aspectRatio = aspectRatio
        post({ kind: 'size', width, height, aspectRatio })
      }
      for (const rect of frame.rects) this.#put(rect, width * height)
      drawn = frame.sequence
    }
    // Every word goes through four processes.
    if (drawn - this.#acknowledged < FRAMES_A_WORD) return
    this.#acknowledged = drawn
    this.acknowledge(drawn)
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

function show({ canvas, source }: Extract<ToDisplayWorker, { kind: 'show' }>): Painter {
  if (source.kind === 'port') {
    const { port } = source
    const painter = new Painter(canvas, (sequence) => port.postMessage({ sequence }))
    port.onmessage = ({ data: frame }: MessageEvent<unknown>) => {
      if (frame instanceof ArrayBuffer) painter.add(frame)
    }
    return painter
  }
  const painter = new Painter(canvas, (sequence) => post({ kind: 'drawn', sequence }))
  // A stream breaks off when its machine's process or the server dies, which the view's channel tells the page.
  fetch(source.url)
    .then((response) => {
      if (response.ok && response.body) return readMessages(response.body, (frame) => painter.add(frame))
    })
    .catch(() => {})
  return painter
}

function main(): void {
  let painter: Painter | null = null
  self.addEventListener('message', ({ data }: MessageEvent<ToDisplayWorker>) => {
    if (data.kind === 'show') painter = show(data)
    else void painter?.snapshot().then((picture) => post({ kind: 'picture', picture }))
  })
}

main()
