import type { Worker } from 'node:worker_threads'
import { prepareWorker } from '../../engine/service/prepare-worker.ts'
import { bundled } from '../host/locations.ts'

/** Starts the thread that a machine of the command line is to run on. */
export const prepareMachine = (): Worker => prepareWorker(bundled('main', 'machine-worker.js'))
