import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMachine } from '../../../engine/machine/pc.ts'
import { MachineConfig, type MachineConfigInput } from '../../../engine/protocol/machine-config.ts'

const OPEN_FILES = '/proc/self/fd'

describe('a machine that cannot be made', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'vitrine-failed-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  const path = (name: string): string => join(folder, name)

  /** A configuration with a hard disk, a floppy and a log of the debug port, and what shall be wrong with it. */
  function config(wrong: Partial<MachineConfigInput>): MachineConfig {
    writeFileSync(path('disk.img'), new Uint8Array(1024 * 1024))
    writeFileSync(path('floppy.img'), new Uint8Array(1440 * 1024))
    const drives = [
      { kind: 'disk' as const, path: path('disk.img') },
      { kind: 'floppy' as const, path: path('floppy.img') },
    ]
    const debug = { console: path('debug.log') }
    return v.parse(MachineConfig, { version: 1, memoryMiB: 4, drives, debug, ...wrong })
  }

  /** Files of the folder that this process has open. */
  const held = (): string[] =>
    readdirSync(OPEN_FILES).flatMap((fd) => {
      const link = join(OPEN_FILES, fd)
      return existsSync(link) && readlinkSync(link).startsWith(folder) ? [readlinkSync(link)] : []
    })

  it.each<[string, (folder: string) => Partial<MachineConfigInput>, RegExp]>([
    [
      'a log lies in a folder that is not there',
      (at) => ({ debug: { console: join(at, 'debug.log'), parallel: join(at, 'nowhere/printer.txt') } }),
      /nowhere\/printer\.txt/,
    ],
    ['its kernel is missing', (at) => ({ kernel: { path: join(at, 'vmlinuz') } }), /vmlinuz/],
    [
      'a later drive’s image is missing',
      (at) => ({
        drives: [
          { kind: 'disk', path: join(at, 'disk.img') },
          { kind: 'cdrom', path: join(at, 'gone.iso') },
        ],
      }),
      /gone\.iso/,
    ],
  ])('lets go of its files when %s', (_, wrong, named) => {
    expect(() => createMachine(config(wrong(folder)))).toThrow(named)
    if (existsSync(OPEN_FILES)) expect(held()).toEqual([])
    // Nobody else has the images locked either.
    createMachine(config({})).close()
  })
})
