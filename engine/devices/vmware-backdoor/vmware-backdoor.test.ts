import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Mouse } from '../mouse/mouse.ts'
import { GuestClipboard } from './guest-clipboard.ts'
import { VmwareBackdoor } from './vmware-backdoor.ts'

const MAGIC = 0x564d5868
const MAX_BYTES = 65_535

function powerOn() {
  const clock = new ManualClock()
  const mouse = new Mouse(clock)
  mouse.receive(0xf4)
  while (mouse.take() !== null);
  const clipboard = new GuestClipboard(MAX_BYTES)
  const backdoor = new VmwareBackdoor(mouse, clipboard)
  const call = (command: number, ebx = 0, eax = MAGIC) => {
    const registers = { eax, ebx, ecx: command, edx: 0x5658, esi: 0x11, edi: 0x22 }
    backdoor.call(registers)
    return registers
  }
  const enable = () => {
    call(41, 0x45414552)
    call(39, 1)
    call(41, 0x53424152)
  }
  const ps2 = () => {
    const bytes: number[] = []
    clock.advance(100_000_000)
    for (let byte = mouse.take(); byte !== null; byte = mouse.take()) bytes.push(byte)
    return bytes
  }
  return { backdoor, clipboard, call, enable, ps2 }
}

it('tells its version to those who know the magic number', () => {
  const { call } = powerOn()
  expect(call(10)).toMatchObject({ eax: 6, ebx: MAGIC, ecx: 2 })
  expect(call(10, 0, 0x12345678).eax).toBe(0xffffffff)
  expect(call(0x1234).eax).toBe(0xffffffff)
})

describe('absolute pointer', () => {
  it('is found by reading its id', () => {
    const { call, backdoor } = powerOn()
    expect(call(40).eax).toBe(0xffff0000)
    call(41, 0x45414552)
    expect(call(40).eax).toBe(1)
    expect(call(39, 1).eax).toBe(0x3442554a)
    expect(backdoor.absolute).toBe(false)
    call(41, 0x53424152)
    expect(backdoor.absolute).toBe(true)
  })

  it('delivers position, wheel and buttons, and wakes the driver by a PS/2 packet', () => {
    const { backdoor, call, enable, ps2 } = powerOn()
    enable()
    backdoor.moveTo(0x8000, 65535, -1, 3)

    expect(ps2()).toEqual([8, 0, 0])
    expect(call(40).eax).toBe(4)
    expect(call(39, 4)).toMatchObject({ eax: 0x30, ebx: 0x8000, ecx: 0xffff, edx: 0xffffffff, esi: 0x11 })
    expect(call(40).eax).toBe(0)
  })

  it('adds up motion that waits but keeps each change of buttons', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    for (let x = 0; x < 1000; x++) backdoor.moveTo(x, 5, 1, 0)
    backdoor.moveTo(999, 5, 0, 1)

    expect(call(40).eax).toBe(12)
    call(39, 4)
    expect(call(39, 4)).toMatchObject({ eax: 0, ebx: 999, edx: 127 })
    expect(call(39, 4).eax).toBe(0x20)
  })

  it('marks relative packets, up positive', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    backdoor.move(-2, 3, 0, 4)
    expect(call(39, 4)).toMatchObject({ eax: 0x10008, ebx: 0xfffffffe, ecx: 0xfffffffd, edx: 0 })
  })

  it.each([0, 7, 5])('ends the session when %i words are asked for that are not there', (count) => {
    const { backdoor, call, enable } = powerOn()
    enable()
    backdoor.moveTo(1, 1, 0, 0)
    call(39, count)
    expect(call(40).eax).toBe(0xffff0000)
    expect(backdoor.absolute).toBe(false)
  })

  it('never holds more than its queue', () => {
    const { backdoor, call, enable } = powerOn()
    enable()
    for (let click = 0; click < 2000; click++) backdoor.moveTo(1, 1, 0, click & 1)
    expect(call(40).eax).toBe(1024)
  })

  it('leaves the PS/2 mouse alone until a driver is ready, and after it is gone', () => {
    const { backdoor, call, enable, ps2 } = powerOn()
    backdoor.move(5, 0, 0, 0)
    expect(ps2()).toEqual([8, 5, 0])
    enable()
    call(41, 0xf5)
    backdoor.moveTo(5, 5, 0, 1)
    expect(ps2()).toEqual([9, 0, 0])
  })
})

describe('clipboard', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  /** As the tools of VMware do it: the length, then four bytes a call. */
  const take = (call: ReturnType<typeof powerOn>['call']): string => {
    const length = call(6).eax
    const pieces: number[] = []
    while (pieces.length < length) {
      const piece = call(7).eax
      pieces.push(...[0, 8, 16, 24].map((shift) => (piece >>> shift) & 0xff))
    }
    return String.fromCharCode(...pieces.slice(0, length))
  }
  const give = (call: ReturnType<typeof powerOn>['call'], text: string): number => {
    const { eax } = call(8, text.length)
    for (let at = 0; at < text.length; at += 4)
      call(
        9,
        Array.from(text.slice(at, at + 4)).reduce((sum, c, byte) => sum | (c.charCodeAt(0) << (8 * byte)), 0),
      )
    return eax
  }
  const given = (clipboard: GuestClipboard): string | null =>
    clipboard.given && new TextDecoder().decode(clipboard.given)

  it('exchanges nothing until it is allowed', () => {
    const { clipboard, call } = powerOn()
    expect(clipboard.offer(bytes('secret'))).toBe(false)
    expect(call(6).eax).toBe(0xffffffff)
    expect(call(7).eax).toBe(0)
    expect(give(call, 'text')).toBe(0xffffffff)
    expect(given(clipboard)).toBeNull()
  })

  it('gives the guest what was offered, four bytes a call, as often as it asks', () => {
    const { clipboard, call } = powerOn()
    clipboard.allow(true, false)
    expect(call(6).eax).toBe(0)
    expect(clipboard.offer(bytes('Hello, world'))).toBe(true)
    expect(take(call)).toBe('Hello, world')
    expect(take(call)).toBe('Hello, world')
    clipboard.offer(bytes('abcde'))
    expect(call(6).eax).toBe(5)
    expect([call(7).eax, call(7).eax, call(7).eax]).toEqual([0x64636261, 0x65, 0])
    expect(give(call, 'no')).toBe(0xffffffff)
  })

  it('takes what the guest gives, once it is whole', () => {
    const { clipboard, call } = powerOn()
    clipboard.allow(false, true)
    expect(call(6).eax).toBe(0xffffffff)
    call(8, 5)
    call(9, 0x6c6c6548)
    expect(given(clipboard)).toBeNull()
    call(9, 0xffffff6f)
    expect([given(clipboard), clipboard.count]).toEqual(['Hello', 1])
    call(9, 0x21212121) // more than it said
    expect(given(clipboard)).toBe('Hello')
    call(8, 4)
    call(8, 3) // begun anew
    call(9, 0x00636261)
    expect([given(clipboard), clipboard.count]).toEqual(['abc', 2])
  })

  it('takes and offers 65,535 bytes and no more', () => {
    const { clipboard, call } = powerOn()
    clipboard.allow(true, true)
    const most = 'x'.repeat(MAX_BYTES)
    expect(clipboard.offer(bytes(most))).toBe(true)
    expect(take(call)).toBe(most)
    expect(clipboard.offer(bytes(`${most}x`))).toBe(false)
    expect(give(call, most)).toBe(0)
    expect(given(clipboard)).toBe(most)
    for (const length of [MAX_BYTES + 1, 0x80000000, 0xffffffff]) {
      expect(call(8, length).eax).toBe(0xffffffff)
      call(9, 0x61616161)
    }
    expect(clipboard.count).toBe(1)
    expect(call(8, 0).eax).toBe(0)
    call(9, 0x61616161)
    expect(clipboard.count).toBe(1)
  })

  it('forgets what is no longer allowed, and a transfer that a reset cuts', () => {
    const { backdoor, clipboard, call } = powerOn()
    clipboard.allow(true, true)
    clipboard.offer(bytes('text'))
    give(call, 'mine')
    call(6)
    call(8, 8)
    call(9, 0x61616161)
    backdoor.reset()
    expect(call(7).eax).toBe(0)
    call(9, 0x61616161)
    expect(given(clipboard)).toBe('mine')
    expect(JSON.stringify(backdoor.save())).not.toContain('text')
    clipboard.allow(false, false)
    expect(given(clipboard)).toBeNull()
    clipboard.allow(true, true)
    expect(call(6).eax).toBe(0)
  })
})

it('restores what it saved', () => {
  const { backdoor, enable } = powerOn()
  enable()
  backdoor.moveTo(1, 2, 3, 1)
  const saved = structuredClone(backdoor.save())
  backdoor.reset()
  expect(backdoor.save()).not.toEqual(saved)

  backdoor.restore(saved)

  expect(backdoor.save()).toEqual(saved)
  expect(() => backdoor.restore({ ...saved, queue: [1.5] })).toThrow('state-invalid')
})
