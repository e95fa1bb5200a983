import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRONTS, missing, PROJECT, until, type Front } from './fronts.ts'

const reason = missing()
if (reason) process.stderr.write(`skipped: groups of the list: ${reason}\n`)

describe.skipIf(reason).each(['web', 'desktop'] as const)('groups of the list of machines, %s', (kind) => {
  let front: Front
  beforeEach(async () => {
    front = await FRONTS[kind]()
    const env = { ...process.env, VITRINE_HOME: front.home }
    const vitrine = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(PROJECT, 'out/cli/index.js'), ...args], { env })
    for (const name of ['One', 'Two', 'Three']) await vitrine('create', name, '--preset', 'dos-6')
    await vitrine('set', 'one', 'group=Office/Old')
    await front.page.reload()
    await front.page.locator('[data-machine=three]').waitFor()
    await front.page.getByRole('button', { name: 'Skip' }).click() // the first steps leave little room
  })
  afterEach(() => front.close())

  const groupOf = async (id: string): Promise<string> => {
    const record = await readFile(join(front.home, 'machines', id, 'vm.json'), 'utf8')
    return (JSON.parse(record) as { group: string }).group
  }
  const becomes = (id: string, group: string) =>
    until(async () => ((await groupOf(id)) === group ? true : null), `${id} in ${group || 'no group'}`)

  it('take machines that are dragged onto them, or onto one of theirs, and give them back', async () => {
    const { page } = front
    const row = (id: string) => page.locator(`[data-machine=${id}]`)
    await row('two').dragTo(page.getByRole('treeitem', { name: 'Office' }))
    await becomes('two', 'Office')
    await row('three').dragTo(row('one'))
    await becomes('three', 'Office/Old')
    await page.getByRole('tree').press('Home')

    await row('two').click()
    await row('three').click({ modifiers: ['Control'] })
    const tree = await page.getByRole('tree').boundingBox()
    await row('three').dragTo(page.getByRole('tree'), {
      targetPosition: { x: tree!.width / 2, y: tree!.height - 10 },
    })
    await becomes('two', '')
    await becomes('three', '')
    expect(await groupOf('one')).toBe('Office/Old')

    // Dropped in the wrong place: each goes back to where it was, but for what has been moved on since.
    const undo = page.locator('.toast').filter({ hasText: '2 machines are in no group now' })
    await row('two').dragTo(row('one'))
    await becomes('two', 'Office/Old')
    await undo.getByRole('button', { name: 'Undo' }).click()
    await becomes('three', 'Office/Old')
    expect(await groupOf('two')).toBe('Office/Old')
    expect(front.errors).toEqual([])
  })
})
