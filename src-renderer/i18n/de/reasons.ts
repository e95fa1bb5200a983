import { reasonMessages } from '../reason-messages.ts'
import { accelerators } from './reasons/accelerators.ts'
import { exports } from './reasons/exports.ts'
import { files } from './reasons/files.ts'
import { images } from './reasons/images.ts'
import { imports } from './reasons/imports.ts'
import { machines } from './reasons/machines.ts'
import { volumes } from './reasons/volumes.ts'
import { discs } from './reasons/discs.ts'
import { states } from './reasons/states.ts'
import { kernels } from './reasons/kernels.ts'
import { requests } from './reasons/requests.ts'
import { media } from './reasons/media.ts'
import { snapshots } from './reasons/snapshots.ts'

/** Dateien wie in `engine/protocol/reasons/`; ein Grund, der fehlt, ist ein Fehler des Übersetzers. */
export const reasons = reasonMessages({
  ...accelerators,
  ...exports,
  ...files,
  ...images,
  ...imports,
  ...machines,
  ...volumes,
  ...discs,
  ...states,
  ...kernels,
  ...requests,
  ...media,
  ...snapshots,
})
