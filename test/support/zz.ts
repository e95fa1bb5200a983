import { createMachine } from '../../engine/machine/pc.ts'
import { openHostFile } from '../../engine/storage/host-file.ts'
import { readFileSync, readdirSync } from 'node:fs'
import * as v from 'valibot'
import { MachineConfig } from '../../engine/protocol/machine-config.ts'
import { readStateFile } from '../../engine/snapshot/state-file.ts'
const dir =
  '/tmp/vitrine-bench-state-JGt8cx/library/machines/' +
  readdirSync('/tmp/vitrine-bench-state-JGt8cx/library/machines')[0] +
  '/'
const record = JSON.parse(readFileSync(dir + 'vm.json', 'utf8'))
const state =
  dir +
  readdirSync(dir)
    .filter((n) => n.endsWith('.state'))
    .sort()[0]
const t = (n: string, f: () => any) => {
  const b = performance.now()
  const r = f()
  console.log(n, (performance.now() - b).toFixed(1))
  return r
}
const f0 = openHostFile(state, false)
const s = t('readStateFile', () => readStateFile(f0))
t('check', () => s.ram.chunks!.check(512 << 20))
t('check', () => s.ram.chunks!.check(512 << 20))
t('unpack all', () => {
  for (let c = 0; c < s.ram.chunks!.chunkCount; c++) if (s.ram.chunks!.holds(c)) s.ram.chunks!.read(c)
})
const config = {
  ...record.machine,
  memoryMiB: 512,
  drives: record.machine.drives.map((d: any) => ({
    ...d,
    path: dir + d.path,
    allowed: ['/tmp/vitrine-bench-state-JGt8cx/disk.qcow2'],
  })),
}
for (let i = 0; i < 2; i++) {
  const m: any = t('create', () =>
    createMachine(v.parse(MachineConfig, config), { restores: true, hostNs: undefined as any }),
  )
  const f = openHostFile(state, false)
  try {
    t('begin', () => m.beginFrom(f, true))
  } catch (e: any) {
    console.log(e.message)
  }
  m.close()
}
