import { expect, it } from 'vitest'
import { PortMap } from './port-map.ts'

const device = { read: () => 0, write: () => {} }

it('names the busiest ports, an access once whatever its width, and those where nothing answers', () => {
  const ports = new PortMap()
  ports.map({ name: 'pic-master', base: 0x20, length: 2 }, device)
  for (let n = 0; n < 3; n++) ports.read(0x21, 1)
  ports.write(0x20, 0x20, 2)
  ports.read(0x3f00, 1)
  ports.read(0x3f00, 1)
  expect(ports.busiest(2)).toEqual({ 'pic-master 21h': 3, 'nothing 3f00h': 2 })
  expect(ports.busiest(9)).toEqual({ 'pic-master 21h': 3, 'nothing 3f00h': 2, 'pic-master 20h': 1 })
})
