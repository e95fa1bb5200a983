// Locks of machines ask about processes in the way that locks of images do.
export { isProcessAlive, startOfProcess } from '../storage/process-identity.ts'
