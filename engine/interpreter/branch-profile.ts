import { LINK_STUB, Record } from './record.ts'

/** Where branches have led, by what generated code leaves in their records. */
export class BranchProfile {
  constructor(private readonly view: DataView) {}

  /** True once the branch has led somewhere. */
  wasTaken(branch: number): boolean {
    return this.view.getInt32(branch + Record.LINK, true) !== LINK_STUB
  }

  /** How often regions have been left by the branch. */
  exitsBy(branch: number): number {
    return this.view.getUint32(branch + Record.EXITS, true)
  }

  /** Where most exits of regions by a computed jump have led, and by how many these are more than the rest. */
  usualTarget(jump: number): { eip: number; lead: number } {
    return {
      eip: this.view.getUint32(jump + Record.USUAL_TARGET, true),
      lead: this.view.getUint16(jump + Record.USUAL_LEAD, true),
    }
  }
}
