import * as v from 'valibot'

const tcp = v.strictObject({
  kind: v.literal('tcp'),
  /** Address to listen on. */
  host: v.pipe(v.string(), v.nonEmpty(), v.maxLength(255)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
})
const console = v.strictObject({ kind: v.literal('console') })
const pty = v.strictObject({ kind: v.literal('pty') })

/** Where a serial port of a machine in the library leads; the console in its window is there whatever this says. */
export const SerialTarget = v.variant('kind', [
  console,
  pty,
  tcp,
  v.strictObject({
    kind: v.literal('file'),
    /** A file in the folder of the machine, which gets what the guest sends. */
    name: v.pipe(
      v.string(),
      v.regex(/^[\p{L}\p{N}_][\p{L}\p{N}._ -]{0,99}$/u, 'it is not a plain file name'),
      v.regex(/\.(txt|log|out|bin|prn)$/i, 'the name ends in .txt, .log, .out, .bin or .prn'),
    ),
  }),
])
export type SerialTarget = v.InferOutput<typeof SerialTarget>

/** The same with the file's place on the host, as the process of the machine opens it. */
export const SerialLinkTarget = v.variant('kind', [
  console,
  pty,
  tcp,
  v.strictObject({ kind: v.literal('file'), path: v.string() }),
])
export type SerialLinkTarget = v.InferOutput<typeof SerialLinkTarget>
