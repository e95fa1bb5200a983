import type { RegisterFeature } from './target.ts'

/** The target description that GDB asks for with qXfer:features:read (GDB manual, appendix G). */
export function targetDescription(features: readonly RegisterFeature[]): string {
  const feature = ({ name, types, registers }: RegisterFeature): string =>
    `<feature name="${name}">${types}${registers
      .map(
        ({ name, bits, type, group }) =>
          `<reg name="${name}" bitsize="${bits}" type="${type}"${group ? ` group="${group}"` : ''}/>`,
      )
      .join('')}</feature>`
  return (
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">' +
    `<target version="1.0"><architecture>i386</architecture>${features.map(feature).join('')}</target>`
  )
}
