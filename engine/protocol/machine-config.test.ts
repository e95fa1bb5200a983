import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { findIssue, MachineConfig, withFiles } from './machine-config.ts'

const disk = (n: number) => ({ kind: 'disk', path: `d${n}.img` })
const issue = (config: object) => findIssue(MachineConfig, { version: 1, ...config })

describe('machine configuration', () => {
  it('fills in what is left out', () => {
    const config = v.parse(MachineConfig, { version: 1, drives: [{ kind: 'floppy', path: 'a.img' }] })
    expect(config).toMatchObject({ memoryMiB: 128, cpus: 1, cpuModel: 'max', accel: 'auto', reboot: true })
    expect(config.drives[0]).toEqual({
      kind: 'floppy',
      path: 'a.img',
      readonly: false,
      ephemeral: false,
      bus: 'ide',
      format: 'auto',
    })
  })

  it('names what does not fit', () => {
    expect(issue({ memoryMiB: 3073 })).toBe('memoryMiB: 3073 is too much; memory in MiB is 1 to 3072')
    expect(issue({ memoryMiB: 0.5 })).toContain('not a whole number')
    expect(issue({ cpuModel: '586' })).toBe(
      'cpuModel: 586 is not one of 8086, 286, 386, 486, pentium, pentium2, pentium3, max',
    )
    expect(issue({ colour: 'red' })).toContain('colour')
    expect(issue({ version: 2 })).toContain('version')
    expect(issue({ drives: [{ kind: 'tape', path: 'x' }] })).toContain('drives.0.kind')
    expect(issue({ drives: [{ kind: 'disk', path: 'a\0b' }] })).toContain('drives.0.path')
  })

  it('names all of its files anew', () => {
    const config = v.parse(MachineConfig, {
      version: 1,
      firmware: 'f',
      drives: [
        { kind: 'floppy', path: 'a' },
        { kind: 'cdrom', path: null },
      ],
      kernel: { path: 'k', modules: ['m'] },
    })
    expect(withFiles(config, (path) => `/b/${path}`)).toMatchObject({
      firmware: '/b/f',
      drives: [{ path: '/b/a' }, { path: null }],
      kernel: { path: '/b/k', modules: ['/b/m'] },
    })
    expect(withFiles(config, (path) => path)).toEqual(config)
  })

  it('refuses impossible combinations', () => {
    expect(issue({ drives: [1, 2, 3, 4].map(disk) })).toBeNull()
    expect(issue({ drives: [1, 2, 3, 4, 5, 6, 7].map(disk) })).toBe(
      '7 IDE disks and CD-ROMs, but the two channels take 4',
    )
    expect(issue({ drives: Array(3).fill({ kind: 'floppy', path: null }) })).toContain('3 floppy drives')
    expect(issue({ drives: [{ kind: 'disk', path: null }] })).toContain('needs a file')
    expect(issue({ drives: [{ kind: 'cdrom', path: null, bus: 'virtio' }] })).toContain('for disks')
    expect(issue({ boot: ['disk', 'disk'] })).toContain('twice')
    expect(issue({ mouse: 'com2', serialPorts: 2 })).toBeNull()
    expect(issue({ mouse: 'com2', serialPorts: 1 })).toBe(
      'the mouse is on COM2, which is not there: serialPorts is 1',
    )
  })
})
