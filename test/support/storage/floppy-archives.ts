/** Archives of one floppy of 160 KB in which every sector repeats its cylinder and number. */

export const floppySector = (cylinder: number, number: number): Uint8Array =>
  new Uint8Array(512).map((_, index) => (index % 2 ? number : cylinder))

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** A track of an IMD file: 250 kbit/s MFM, sectors 1, 3, 5, 7, 2, 4, 6, 8. */
function imdTrack(cylinder: number, record: (number: number) => Uint8Array): Uint8Array {
  const order = [1, 3, 5, 7, 2, 4, 6, 8]
  return Buffer.concat([Uint8Array.of(5, cylinder, 0, 8, 2, ...order), ...order.map(record)])
}

/** @param record type and data of a sector */
export const imdFile = (record: (cylinder: number, number: number) => Uint8Array): Uint8Array =>
  Buffer.concat([
    Buffer.from('IMD 1.18: 01/02/2003 04:05:06\r\na comment\x1a', 'latin1'),
    ...numbers(40).map((cylinder) => imdTrack(cylinder, (number) => record(cylinder, number))),
  ])

/** A sector of an IMD file as it is. */
export const plainRecord = (cylinder: number, number: number): Uint8Array =>
  Buffer.concat([Uint8Array.of(1), floppySector(cylinder, number)])

/** By CopyQM: its sectors in runs. */
export function copyQmFile(): Uint8Array {
  const header = new Uint8Array(133)
  const view = new DataView(header.buffer)
  header.set([0x43, 0x51, 0x14])
  view.setUint16(3, 512, true)
  view.setUint16(0x10, 8, true)
  view.setUint16(0x12, 1, true)
  header[0x5b] = 40
  const comment = Buffer.from('hello')
  view.setUint16(0x6f, comment.length, true)
  const runs = numbers(320).map((sector) => {
    const bytes = floppySector(Math.floor(sector / 8), (sector % 8) + 1)
    const isUniform = bytes[0] === bytes[1]
    const length = new Uint8Array(2)
    new DataView(length.buffer).setInt16(0, isUniform ? -512 : 512, true)
    return Buffer.concat([length, isUniform ? bytes.subarray(0, 1) : bytes])
  })
  return Buffer.concat([header, comment, ...runs])
}

/** By Teledisk: plain, as patterns and in runs. */
export function teledisk(): Uint8Array {
  const header = Uint8Array.of(0x54, 0x44, 0, 0, 0x15, 0, 1, 0x80, 0, 1, 0, 0)
  const comment = Uint8Array.of(0, 0, 3, 0, 103, 1, 2, 3, 4, 5, 65, 66, 67)
  return Buffer.concat([header, comment, ...numbers(40).map(telediskTrack), Uint8Array.of(0xff)])
}

const telediskTrack = (cylinder: number): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(8, cylinder, 0, 0),
    ...numbers(8).map((index) => {
      const [address, pair] = [
        [cylinder, 0, index + 1, 2],
        [cylinder, index + 1],
      ]
      switch (index % 3) {
        case 0:
          return Buffer.concat([Uint8Array.of(...address, 0, 0, 1, 2, 0), floppySector(cylinder, index + 1)])
        case 1:
          return Uint8Array.of(...address, 0, 0, 5, 0, 1, 0, 1, ...pair)
        default: // a pattern of one pair 255 times, and one pair as it is
          return Uint8Array.of(...address, 0, 0, 9, 0, 2, 1, 255, ...pair, 0, 2, ...pair)
      }
    }),
  ])

/** By Teledisk, packed by an encoder of its own. */
export const packedTeledisk = (): Uint8Array => Buffer.from(PACKED.join(''), 'base64')

const PACKED = [
  'dGQAABUAAQAAARBnymMxCzDhxuOvDMjdgRwBuv7V1Y8GRgIx8kGbOtchZBmltBFRGd7WuSsDOmrXJykbM1jFtwR2pNSKMiNrPKN5',
  '7jeFXPAFFKsBjgyJsoYgzHgKGQMxoihlGcCMoWDOAsoWkbAYUMLR6YTS7i2PoZtF7C5RdLkhci4SqDHpC9F1AMvSE0XaQyaQmi5s',
  'ZokKIu5GaJCqLmEayQsi9GXJpZaSnHLYrDFHaLm0GGqw22AYVkhYZ4ZENJYaYZkEWWGuM4qllhgGcRX6wwkbBUBYcLYJr74E5QWJ',
  'l7G9ouf7TQy+feAwHaGX/hlPiGXhDPwEMvKM+5kMvOM+5uMvORvM3WXqnkmvSQHMkiIAzfpCv/oXrm1nyDPy+ubOGU8dc3sMm465',
  'vYz4565vYz9A65vZG+gdc2lPia55/9XQ/oDgFgRfQLT0B5XyDAb+gPoM44/AfQZx1+A+xmHoYD7GfoBgPsjel6gObOya66/8TdtR',
  'zV2tF7SM6jmMOwZ5tUc9BmnFxz0GacXHPYzDxcc9jOneRz2Rsp5HMs+k19CWu0lkr/z9UXtHbJXwO8GeXuV/gZlm5X+BmWblfYZv',
  'zcr7DOWblfYjZZuV8dQJrOjLkC4u5X/1Ei+JHiXOWkoAxdS5y3DMcFzluGY4bnLcZty3OW4zixc5bka9q5y0a0mtaM2BBX3K+nlU',
  'XoaK+6N/KaDFMbo3YMwc5RuwZfWyjeBmuvlG8DNyeUbyRrUzRv9sSa2KXtl8fMr/rsovUU1RqjD8QYlYao5DMFpqjkMsfmqORmq4',
  'ao5GbETVHJGsRNUfeRJoRvi3CUwzl56+i6VRSGw+9YgxCg2HyGXwDYfIZdBNh8jNMc2HyM2hGw+SNYGbD76gTQjmrWChGjcERIvU',
  'Rgzb3x0AYNcbe4DK3xt7gMrmm3uBmkQ29yM1iG3uSNWKbe6jgTQBUv6EmmqO2H0Xe6Pc3z05AGD/zfPIZc8N88hlsY3zyMzflfPI',
  'zZ+V8/Eaf8r57tAmgC0+sv7mw+/YkXVqPo4U9lgDBoDhT4MmcrCnwZM6WFPhmX4sKfDMwCwp8RpgFhTfSUia//MexPfq3uuYkXct',
  'vZYv89gDBiFi/4MtHrF/wZY8WL/hmXSsX/DM/pYv+I03pYv6kyTX/vfeNeZXzyhoi5br4rF/JGQYP8WL/gyVqsX/BkrVYv+GZMax',
  'f8My41i/4jS+Fi/lfJNf/f2lvcKwpuFii/w2F1i/sjIMHuPF/wZRuvF/wZOKeL/hmIk8X/DM2G4v+I0uG4v5xwTQA/+poI1xfvfk',
  'i+y1Qbi/XHAMFsXF/wZJ6XF/wZJ/3F/wzGkuL/hmSdcX/EaSfcX8FYJoAZjE3/3cX8nzov5dP5cX8H5Bn83cX/Bk83cX/Bkwy4v+',
  'GYhtxf8MyzLi/4jSYLi/SuCa/9mZ6vBuL9askXl+n3uL9u4Bn8tcX/BlG5cX/Bk4K4v+GYgdxf8MzSri/4jSyri/Y3BNf+c5raTX',
  'F+Z2SLgm0jcX61YBgdK4v+DMQFxf8GYAbi/4Zib3F/wza/uL/yNbMuL88ck13r9yKeN3F+k+iLxvb3XF/FeQYGMuL/gy/EuL/gy/',
  '2uL/hmP2uL/hm6LcX/Ea2LcX6aZJr//RI0fVcX4s0ReI8wri/JLIMD6XF/wZgAuL/gy9XcX/DNTO4v+Gbmdxf8RrcFxfpbomv/NU',
  'g6hVxfmLsi/l3g7i/T/QMVLXF/wZZn3F/wZZ43F/wzXAuL/hmyDcX/EayDcX6T6Jr/xSkmfCuL8y9kXmm/ouL8d9AxSdcX/Bl6fc',
  'X/Bl2dcX/DNe3cX/DNqq4v+I1i64vzv0TXzFOXpN4uL8YM0Xe226uL8FtAxL1cX/BlcdcX/Ble5cX/jNXBcX4Ga0dxfgjVvLi/7H',
  'omhH9Eum5bcX6GZovGdtLcX/X8gxKLcX4DLkW4vwGW49xfkZq1bi/IzYluL8katTcX/q8k0I6plxrYri/B3RF3Hri7i/3RkGIcLi',
  '/IZVEXF+QyrGuL8jNOPcX5Gag9xfkjVB7i/xtkmhHtZgQN3F+CuiL4fVDuL/sMgwsNcX4DLcS4vwGWYtxfgZoSXF+RmlZcX5I1LW',
  '4vwGyTQjy82ggtxf8Y0RfD7A9xf9/yDCm9xfgMrwri/AZXhXF+Bmg1cX4GajVxfgjUmri/97JNEXZJ4dl64v8l4Zv8FcX+cvAwx1',
  'cX4DLHy4vwGVytxfgZoxLi/AzUcuL8EalBcX/lZICLss+MS7cX/i8+7+W3F/8nwMN/ri/AZY8XF+AyuTuL8DM89cX4Gav24vwRqf',
  '64v/Ky/iLUJZn+1xf+dZOvvzcX/5PAwzpcX4DKpm4vwGVYFxfgZn77i/AzV+bF+CNUY2L/0YnJFV0qO77Yv/Osm33d2L+0HgZ+4b',
  'F+Ay2a2L8Blk1sX4GZ/nYvwM1kdi/BGqJbF/6MSP/yHIkRdi/9O5F+yHYv7keBhUrYvwGWzGxfgMsnNi/AzR17F+BmshsX4I1RDY',
  'v/VJJP/urKoUP7F/6dzre49sX89fAw/V2L8BlvV2L8BlkdsX4GaI7YvwM19OxfkjVdOxf+qS7v/utJVC2xf+uM7XqNbF+K8DB9nY',
  'vwGXmWxfgMujNi/IzRMbF+Rm3n2L8kazs2L/2ELs+F15ceX/Yv/XGc71Fti/p3wMFzdi/IZfzdi/IZdFbF+RmiS2L8jNvLsX5I1n',
  'LsX/sIXMEyQ=',
]
