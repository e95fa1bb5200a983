import { describe, expect, it } from 'vitest'
import { MAX_PACKET, PacketReader, framed } from './packet.ts'

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const kinds = (reader: PacketReader, text: string): string[] =>
  reader
    .read(bytes(text))
    .map((r) => (r.kind === 'packet' ? Buffer.from(r.data).toString('latin1') : `<${r.kind}>`))

describe('packets of the remote protocol', () => {
  it('are taken from a stream however it is cut', () => {
    const reader = new PacketReader()
    expect([...'+$m10,4#2a\x03$g#67'].flatMap((character) => kinds(reader, character))).toEqual([
      '<damaged>',
      '<interrupt>',
      'g',
    ])
    expect(kinds(reader, '$OK#9a')).toEqual(['OK'])
  })

  it('carry any byte', () => {
    const data = Uint8Array.from({ length: 256 }, (_, i) => i)
    const reader = new PacketReader()
    expect(reader.read(framed(data))).toEqual([{ kind: 'packet', data }])
  })

  it('start anew where one was lost, and are asked for again when too long', () => {
    const reader = new PacketReader()
    expect(kinds(reader, '$abc$g#67')).toEqual(['g'])
    expect(kinds(reader, `$${'0'.repeat(MAX_PACKET + 1)}#30`)).toEqual(['<damaged>'])
    expect(kinds(reader, '-')).toEqual(['<resend>'])
    expect(kinds(reader, '$g#zz$g#67')).toEqual(['<damaged>', 'g'])
  })
})
