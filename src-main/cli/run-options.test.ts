import { describe, expect, it } from 'vitest'
import { inputFiles, outputFiles, planRun, type RawRunOptions } from './run-options.ts'
import { parseStep } from './steps.ts'

const plan = (raw: Partial<RawRunOptions> = {}) => planRun({ drives: [], ...raw })
const refusal = (raw: Partial<RawRunOptions>): string => {
  try {
    plan(raw)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
const floppy = (text: string) => ({ drives: [{ kind: 'floppy' as const, text }] })

describe('options of a run', () => {
  it('have the defaults of the contract', () => {
    expect(plan()).toMatchObject({
      config: { memoryMiB: 128, cpus: 1, cpuModel: 'max', accel: 'auto', reboot: true, drives: [], boot: [] },
      serial: [],
      steps: [],
      timeoutMs: null,
      display: 'none',
    })
  })

  it('read drives with their own options, in order', () => {
    const { config } = plan({
      drives: [
        { kind: 'floppy', text: 'a,,b.img,readonly' },
        { kind: 'disk', text: 'c.img,ephemeral,bus=ide,format=raw' },
        { kind: 'cdrom', text: 'none' },
      ],
      boot: 'disk,floppy',
    })
    expect(config.drives).toMatchObject([
      { kind: 'floppy', path: 'a,b.img', readonly: true, ephemeral: false },
      { kind: 'disk', path: 'c.img', readonly: false, ephemeral: true },
      { kind: 'cdrom', path: null },
    ])
    expect(config.boot).toEqual(['disk', 'floppy'])
  })

  it('name the file with the passphrase of a disk, and no passphrase', () => {
    const { config, secretFiles } = plan({
      drives: [
        { kind: 'disk', text: 'a.qcow2,secret-file=one,,two' },
        { kind: 'disk', text: 'b.luks,format=luks' },
      ],
    })
    expect(secretFiles).toEqual(['one,two'])
    expect(JSON.stringify(config)).not.toContain('one')
    expect(refusal(floppy('a.img,secret-file=x'))).toContain('is not one of')
    expect(refusal({ drives: [{ kind: 'disk', text: 'a,secret=x' }] })).toContain('is not one of')
  })

  it('put a mouse on a serial port, which nothing else can have then', () => {
    expect(plan().config.mouse).toBe('ps2')
    expect(plan({ mouse: 'com2', serial: ['file:log'] }).config.mouse).toBe('com2')
    expect(refusal({ mouse: 'com1', serial: ['stdio'] })).toBe(
      '--serial: COM1 has the mouse; its target can only be none',
    )
    expect(refusal({ mouse: 'usb' })).toBe('--mouse: usb is not one of ps2, com1, com2, com3, com4')
  })

  it('read kernels, ports and knobs', () => {
    const { config } = plan({
      kernel: 'k',
      append: 'console=ttyS0',
      module: ['m'],
      portLog: ['0x402=log', '80h=post'],
      debugExit: true,
      knob: ['cpuidLimit=2', 'localTime', 'floppyTypes=360,1440'],
    })
    expect(config.kernel).toEqual({ path: 'k', append: 'console=ttyS0', modules: ['m'] })
    expect(config.debug).toEqual({
      exit: true,
      portLogs: [
        { port: 0x402, path: 'log' },
        { port: 0x80, path: 'post' },
      ],
    })
    expect(config.knobs).toEqual({ cpuidLimit: 2, localTime: true, floppyTypes: [360, 1440] })
  })

  it.each<[Partial<RawRunOptions>, string]>([
    [{ memory: '3073' }, '--memory: 3073 is too much; memory in MiB is 1 to 3072'],
    [{ memory: '1G' }, '--memory 1G: it is not a whole number'],
    [{ cpus: '2' }, '--cpus: 2 is too much'],
    [{ cpuModel: '586' }, '--cpu-model: 586 is not one of 8086, 286, 386, 486'],
    [{ accel: 'magic' }, '--accel: magic is not one of auto, jit'],
    [floppy('a.img,write'), '"write" is not one of readonly, ephemeral'],
    [floppy(''), 'the file name is missing'],
    [{ boot: 'tape' }, '--boot tape: "tape" is not one of'],
    [{ initrd: 'x' }, '--initrd is for a kernel'],
    [{ serial: ['com1'] }, '--serial com1: it is one of stdio'],
    [{ serial: ['tcp:localhost:70000'] }, '--serial tcp:localhost:70000'],
    [{ serial: Array<string>(5).fill('none') }, '5 serial ports, but there are 4'],
    [{ portLog: ['x=y'] }, '--port-log x=y: it reads PORT=FILE'],
    [{ portLog: ['65536=y'] }, '--port-log 65536=y'],
    [{ timeout: '-1' }, '--timeout -1: it is not a positive number'],
    [{ display: 'crt' }, '--display crt: it is one of'],
    [{ net: 'nat' }, '--net nat: there is no networking yet'],
    [{ knob: ['speed=9'] }, '--knob speed=9: there is no such knob; it is one of cpuidLimit, '],
    [
      { drives: [{ kind: 'disk' as const, text: 'a.img,geometry=0/16/63' }] },
      '--disk a.img,geometry=0/16/63: 0 is too little; cylinders is 1 to 65535',
    ],
    [{ knob: ['hpet=maybe'] }, '--knob hpet=maybe: the value is neither a number nor true or false'],
    [{ do: ['dance'] }, '--do dance: there is no such step'],
  ])('refuse %j', (raw, message) => {
    expect(refusal(raw)).toContain(message)
  })

  it('name every file that must be there, and every file that is written', () => {
    const made = plan({
      ...floppy('a.img'),
      kernel: 'k',
      initrd: 'i',
      firmware: 'f',
      restoreState: 's',
      debugConsole: 'e9',
      stats: 'st',
      serial: ['file:com1'],
      do: ['insert:floppy0=b.img', 'screenshot:p.png', 'text:t'],
    })
    expect(inputFiles(made).toSorted()).toEqual(['a.img', 'b.img', 'f', 'i', 'k', 's'])
    expect(outputFiles(made).toSorted()).toEqual(['com1', 'e9', 'p.png', 'st', 't'])
  })
})

describe('steps', () => {
  it('are read as the contract says', () => {
    expect(parseStep('wait:^A:\\\\>$')).toEqual({ kind: 'wait', pattern: /^A:\\>$/m })
    expect(parseStep('type:dir\\n')).toEqual({ kind: 'type', text: 'dir\n' })
    expect(parseStep('type:a\\\\n')).toEqual({ kind: 'type', text: 'a\\n' })
    expect(parseStep('key:ctrl+alt+del')).toEqual({
      kind: 'key',
      codes: ['ControlLeft', 'AltLeft', 'Delete'],
    })
    expect(parseStep('mouse:-5,10,1')).toEqual({ kind: 'mouse', dx: -5, dy: 10, buttons: 1 })
    expect(parseStep('sleep:250')).toEqual({ kind: 'sleep', ms: 250 })
    expect(parseStep('insert:floppy0=C:\\a=b.img')).toEqual({
      kind: 'insert',
      drive: 'floppy0',
      path: 'C:\\a=b.img',
    })
    expect(parseStep('power-off')).toEqual({ kind: 'power-off' })
  })

  it.each([
    'wait:',
    'wait:(',
    'key:hyper',
    'key:',
    'mouse:1',
    'mouse:1,2,64',
    'mouse:a,b',
    'sleep:soon',
    'insert:floppy0',
    'insert:=x',
    'fly',
    '',
  ])('refuse %j', (text) => {
    expect(() => parseStep(text)).toThrow(`--do ${text}: `)
  })
})
