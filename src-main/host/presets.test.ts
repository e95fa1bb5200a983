import { describe, expect, it } from 'vitest'
import { loadPresets } from './presets.ts'
import { newMachine } from './new-machine.ts'

const presets = loadPresets()

describe('presets', () => {
  it('are many, and each has a name of its own', () => {
    expect(presets.length).toBeGreaterThanOrEqual(25)
    expect(new Set(presets.map(({ id }) => id)).size).toBe(presets.length)
    expect(new Set(presets.map(({ name }) => name)).size).toBe(presets.length)
  })

  it.each(presets.map((preset) => [preset.id, preset] as const))(
    '%s keeps to its own limits',
    (_, preset) => {
      const { memoryMiB, mostMemoryMiB = memoryMiB, diskMiB = 0, mostDiskMiB = diskMiB } = preset
      expect(memoryMiB).toBeLessThanOrEqual(mostMemoryMiB)
      expect(diskMiB).toBeLessThanOrEqual(mostDiskMiB)
    },
  )

  it('give a machine the processor, boot order and knobs of their system', () => {
    const preset = presets.find(({ id }) => id === 'nt-4')!
    const wish = { name: 'NT', preset: 'nt-4', memoryMiB: 64, images: [], disk: null }
    const { record } = newMachine(wish, preset, [{ kind: 'cdrom', path: '/media/nt4.iso' }])
    expect(record).toMatchObject({
      icon: 'windows',
      machine: {
        cpuModel: 'pentium2',
        boot: ['cdrom', 'disk', 'floppy'],
        knobs: { cpuidLimit: 2, localTime: true },
        drives: [
          { kind: 'floppy', path: null },
          { kind: 'cdrom', path: '/media/nt4.iso' },
        ],
      },
    })
  })
})
