import { describe, expect, it } from 'vitest'
import { USUAL_CLIPBOARD } from '../../engine/protocol/clipboard.ts'
import { USUAL_DISPLAY, USUAL_EXECUTION, USUAL_INPUT, type VmSummary } from '../../engine/protocol/vm.ts'
import { machineTree, matches, type TreeNode } from './machine-tree.ts'

const machine = (name: string, more: Partial<VmSummary> = {}): VmSummary => ({
  id: name.toLowerCase().replaceAll(' ', '-'),
  name,
  state: 'off',
  reason: null,
  icon: 'pc',
  picture: null,
  group: '',
  tags: [],
  notes: '',
  template: false,
  display: USUAL_DISPLAY,
  execution: USUAL_EXECUTION,
  keyboardLayout: 'us',
  input: USUAL_INPUT,
  clipboard: USUAL_CLIPBOARD,
  memoryMiB: 16,
  cpuModel: '486',
  drives: [],
  ...more,
})
const outline = (nodes: TreeNode[]): unknown[] =>
  nodes.map(({ label, children }) => (children ? [label, ...outline(children)] : label))

describe('list of machines', () => {
  it('has groups inside groups, before what is in none', () => {
    const list = [
      machine('Zork', { group: 'Games/Text' }),
      machine('Work'),
      machine('Doom', { group: 'Games' }),
      machine('Accounts'),
    ]
    expect(outline(machineTree(list))).toEqual([['Games', ['Text', 'Zork'], 'Doom'], 'Accounts', 'Work'])
  })

  it('finds a machine by all words, wherever they stand', () => {
    const doom = machine('Doom', {
      group: 'Games',
      tags: ['1993'],
      notes: 'needs a mouse',
      drives: [{ kind: 'cdrom', name: 'idstuff.iso' }],
    })
    for (const words of ['doom', 'games 1993', 'IDSTUFF', 'mouse 486', 'off'])
      expect(matches(doom, words, 'Off'), words).toBe(true)
    expect(matches(doom, 'doom 1994', 'Off')).toBe(false)
  })
})
