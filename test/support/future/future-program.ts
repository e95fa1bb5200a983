import { openHostFile } from '../../../engine/storage/host-file.ts'
import { type Course, TimedPc } from './timed-pc.ts'

// A program of its own: goes on from a saved state to the end of its course, and says all that is there then.
const [course = '', statePath = ''] = process.argv.slice(2)
const pc = new TimedPc(JSON.parse(course) as Course)
pc.beginFrom(openHostFile(statePath, false))
pc.run()
process.stdout.write(JSON.stringify(pc.everything))
pc.machine.close()
