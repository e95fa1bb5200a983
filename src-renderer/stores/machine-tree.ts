import type { VmSummary } from '../../engine/protocol/vm.ts'

/** A group of the list with what is in it, or a machine. */
export interface TreeNode {
  /** `group:outer/inner` or the machine's id. */
  key: string
  label: string
  machine: VmSummary | null
  children?: TreeNode[]
}

/** The list in its groups: those first, each in the order of the alphabet, empty ones nowhere. */
export function machineTree(machines: readonly VmSummary[]): TreeNode[] {
  const root: TreeNode[] = []
  for (const machine of machines) {
    let level = root
    let path = ''
    for (const name of machine.group.split('/').filter(Boolean)) {
      path = path ? `${path}/${name}` : name
      const key = `group:${path}`
      let group = level.find((node) => node.key === key)
      if (!group) level.push((group = { key, label: name, machine: null, children: [] }))
      level = group.children!
    }
    level.push({ key: machine.id, label: machine.name, machine })
  }
  sort(root)
  return root
}

function sort(level: TreeNode[]): void {
  level.sort(
    (a, b) => Number(a.machine !== null) - Number(b.machine !== null) || a.label.localeCompare(b.label),
  )
  for (const { children } of level) if (children) sort(children)
}

/**
 * Whether a machine has every word that is sought somewhere in its name, group, tags, notes, media, processor or
 * state.
 * @param stateWord what the state is called in the language of the interface
 */
export function matches(machine: VmSummary, sought: string, stateWord: string): boolean {
  const { name, group, tags, notes, drives, cpuModel, id } = machine
  const media = drives.map((drive) => drive.name ?? '')
  const text = [name, id, group, ...tags, notes, ...media, cpuModel ?? '', stateWord]
    .join('\n')
    .toLocaleLowerCase()
  return sought
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
