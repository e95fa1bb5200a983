import type { Line } from '../../engine/base/line.ts'

/** Notes what a device does to a wire. */
export class RecordingLine implements Line {
  level = false
  risingEdges = 0

  set(high: boolean): void {
    if (high && !this.level) this.risingEdges++
    this.level = high
  }
}
