import type { Task } from '../transport/transport.ts'
import { useMachines } from './machines.ts'

/** Does what the host tells the progress of. @param work gets the name under which it does */
export async function followed<T>(task: Task, work: (name: string) => Promise<T>): Promise<T> {
  const name = crypto.randomUUID()
  const stop = useMachines()
    .host()
    .on('progress', (told) => void (told.task === name && task.progress(told.part)))
  try {
    return await work(name)
  } finally {
    stop()
  }
}
