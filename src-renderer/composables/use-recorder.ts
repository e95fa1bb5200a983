import { onScopeDispose, ref, type Ref } from 'vue'

const FRAMES_PER_SECOND = 30
const TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm']

export interface Recorder {
  readonly recording: Ref<boolean>
  /** Begins, or ends and gives the recording. Throws where the browser cannot record. */
  toggle(): Promise<Blob | null>
}

/** Records what a canvas shows as WebM. */
export function useRecorder(canvas: Ref<HTMLCanvasElement | null>): Recorder {
  const recording = ref(false)
  let recorder: MediaRecorder | null = null
  const parts: Blob[] = []

  function start(shown: HTMLCanvasElement): void {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type))
    if (mimeType === undefined) throw new Error('WebM')
    parts.length = 0
    recorder = new MediaRecorder(shown.captureStream(FRAMES_PER_SECOND), { mimeType })
    recorder.addEventListener('dataavailable', ({ data }) => parts.push(data))
    recorder.start(1000)
    recording.value = true
  }

  function stop(running: MediaRecorder): Promise<Blob> {
    recorder = null
    recording.value = false
    return new Promise((resolve) => {
      running.addEventListener('stop', () => {
        for (const track of running.stream.getTracks()) track.stop()
        resolve(new Blob(parts, { type: 'video/webm' }))
      })
      running.stop()
    })
  }

  async function toggle(): Promise<Blob | null> {
    if (recorder) return stop(recorder)
    if (canvas.value) start(canvas.value)
    return null
  }

  onScopeDispose(() => recorder?.stop())
  return { recording, toggle }
}
