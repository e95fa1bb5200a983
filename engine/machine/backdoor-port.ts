import type { PortMap } from '../bus/port-map.ts'
import {
  BACKDOOR_PORT,
  type BackdoorRegisters,
  type VmwareBackdoor,
} from '../devices/vmware-backdoor/vmware-backdoor.ts'
import { EAX, EBX, ECX, EDI, EDX, ESI } from '../isa/state.ts'
import type { Vcpu } from '../vcpu/vcpu.ts'

/** The one port whose accesses take and give registers of the processor. */
export function mapBackdoor(ports: PortMap, cpu: Vcpu, mouse: VmwareBackdoor): void {
  const register = (index: number) => ({
    get: () => cpu.register(index),
    set: (value: number) => cpu.setRegister(index, value),
    enumerable: true,
  })
  const registers = Object.defineProperties({} as BackdoorRegisters, {
    eax: register(EAX),
    ebx: register(EBX),
    ecx: register(ECX),
    edx: register(EDX),
    esi: register(ESI),
    edi: register(EDI),
  })
  ports.map(
    { name: 'vmware-backdoor', base: BACKDOOR_PORT, length: 4, width: 4 },
    {
      read: (offset, size) => {
        if (offset !== 0 || size !== 4) return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff
        mouse.call(registers)
        return registers.eax
      },
      write: () => {},
    },
  )
}
