import { RpcError } from '../../engine/protocol/rpc.ts'

const STATE_WORDS: Record<string, string> = {
  off: 'switched off',
  starting: 'starting',
  running: 'running already',
  paused: 'paused',
  aborted: 'not running: it failed',
  inaccessible: 'not usable',
}

/** What went wrong and what to do, for a person. */
export function errorText(error: unknown): string {
  if (!(error instanceof RpcError)) return error instanceof Error ? error.message : String(error)
  const text = (name: string): string => String((error.details[name] as string | number | undefined) ?? '')
  switch (error.code) {
    case 'file-unusable':
      return `The file ${text('path')} cannot be used: ${text('reason')}.`
    case 'option-invalid':
      return `The setting “${text('option')}” cannot be used: ${text('reason')}.`
    case 'accelerator-unusable':
      return `The machine cannot run under ${text('accelerator').toUpperCase()}: ${text('reason')}.`
    case 'vm-unknown':
      return 'This machine is no longer in the library.'
    case 'vm-inaccessible':
      return `The machine cannot be used: ${text('reason')}.`
    case 'vm-busy':
      return `The machine is ${STATE_WORDS[text('state')] ?? text('state')}.`
    case 'image-unknown':
      return 'This image is no longer there. Please choose it again.'
    case 'not-in-library':
      return 'This machine was started from the command line and is in no library.'
    case 'not-running':
      return 'The machine is not running.'
    case 'disconnected':
      return 'The connection was lost before the answer came.'
    case 'upload-failed':
      return `${text('name')} could not be uploaded.`
    case 'bad-request':
      return `The request was refused: ${text('reason')}.`
    case 'internal':
      return `Something went wrong inside Vitrine: ${text('reason')}`
    default:
      return error.message
  }
}
