import { keptIn } from './furnished-library.ts'
import type { Front } from './fronts.ts'

/** A page, dialog or menu: how to get there, and how to get away. */
export interface Stop {
  name: string
  enter: () => Promise<unknown>
  leave?: () => Promise<unknown>
}

/** All that the application shows, in an order in which one leads to the next. The library is a furnished one. */
export function stopsOf(front: Front): Stop[] {
  const { page } = front
  const keptMachine = keptIn(front.home)
  const button = (name: string | RegExp) =>
    page.getByRole('button', { name, exact: typeof name === 'string' })
  const tab = (name: string) => page.getByRole('tab', { name, exact: true }).click()
  const select = (id: string) => page.locator(`[data-machine=${id}]`).click()
  const dialog = () => page.getByRole('dialog').or(page.getByRole('alertdialog'))
  const escape = async () => {
    await page.keyboard.press('Escape')
    await page
      .locator('[role=dialog], [role=alertdialog], [role=menu]')
      .first()
      .waitFor({ state: 'detached' })
  }
  const opens = (name: string, press: () => Promise<unknown>): Stop => ({
    name,
    enter: async () => {
      await press()
      await dialog().waitFor()
    },
    leave: escape,
  })
  const more = async (entry?: string) => {
    await page.getByTestId('more').click()
    await page.getByRole('menu').waitFor()
    if (entry) await page.getByRole('menuitem', { name: entry }).click()
  }
  const menu = async (name: string, entry?: string) => {
    await page.getByRole('menuitem', { name, exact: true }).click()
    await page.getByRole('menu').waitFor()
    if (entry) await page.getByRole('menuitem', { name: entry }).click()
  }
  const categories = [
    'General',
    'Processor',
    'Memory',
    'Start',
    'Drives',
    'Display',
    'Input',
    'Clock',
    'Serial ports',
    'For old systems',
  ]
  return [
    { name: 'tour', enter: () => select('vitrine-diagnostics') },
    {
      name: 'details',
      enter: async () => {
        await page.getByTestId('tour').getByRole('button', { name: 'Skip' }).click()
        await select('games-of-1993')
      },
    },
    opens('help', () => page.keyboard.press('F1')),
    {
      name: 'list-search',
      enter: () => page.getByRole('searchbox', { name: 'Search machines' }).fill('office'),
      leave: () => page.getByRole('searchbox', { name: 'Search machines' }).fill(''),
    },
    {
      name: 'list-several',
      enter: () => page.locator('[data-machine=bookkeeping]').click({ modifiers: ['Control'] }),
      leave: () => button('Clear selection').click(),
    },
    {
      name: 'remove-several',
      enter: async () => {
        await select('games-of-1993')
        await page.locator('[data-machine=bookkeeping]').click({ modifiers: ['Control'] })
        await page.getByTestId('several').getByRole('button', { name: 'Remove…' }).click()
        await dialog().waitFor()
      },
      leave: async () => {
        await escape()
        await button('Clear selection').click()
      },
    },
    {
      name: 'row-menu',
      enter: async () => {
        await page.locator('[data-machine=games-of-1993]').click({ button: 'right' })
        await page.getByTestId('row-menu').waitFor()
      },
      leave: escape,
    },
    { name: 'more-menu', enter: () => more(), leave: escape },
    {
      name: 'files',
      enter: async () => {
        await select('games-of-1993')
        await tab('Files')
        await page.getByText('AUTOEXEC.BAT').waitFor()
      },
    },
    {
      name: 'template',
      enter: () => select('fresh-windows-95'),
    },
    opens('template-use', () => button('New machine of this…').first().click()),
    { name: 'damaged', enter: () => select('old-server') },
    {
      name: 'snapshots',
      enter: async () => {
        await select('bookkeeping')
        await tab('Snapshots')
        await page.locator('[data-snapshot=Installed]').click()
        await page.getByText('Before any program.').waitFor()
      },
    },
    opens('snapshot-take', () => button('Take a snapshot…').click()),
    opens('snapshot-restore', () => button('Go back here…').click()),
    opens('snapshot-edit', () => button('Edit…').click()),
    opens('snapshot-clone', () => button('Clone…').click()),
    opens('snapshot-delete', () => button('Delete…').click()),
    opens('clone', () => more('Clone…')),
    opens('remove', () => more('Remove…')),
    opens('export', () => more('Export…')),
    opens('import', () => button('Import a machine…').click()),
    {
      name: 'add-machine',
      enter: async () => {
        const asked = page.waitForEvent('filechooser')
        await button('Import a machine…').click()
        await button('Choose its folder…').click()
        await (await asked).setFiles(keptMachine)
        await page.getByRole('heading', { name: 'Add Kept games' }).waitFor()
      },
      leave: escape,
    },
    opens('media', () => button('Media…').click()),
    ...(
      [
        ['new', 'Spare.vdi', 'New disk…'],
        ['convert', 'Spare.vdi', 'Convert…'],
        ['resize', 'Spare.vdi', 'Resize…'],
        ['compact', 'Spare.vdi', 'Compact…'],
        ['check', 'Spare.vdi', 'Check…'],
        ['review', 'Games.img', 'Review changes…'],
      ] as const
    ).map(([work, image, action]) =>
      opens(`media-${work}`, async () => {
        await button('Media…').click()
        await page.locator(`[data-image="${image}"]`).getByRole('radio').click()
        await dialog().getByRole('button', { name: action, exact: true }).click()
        if (work === 'review') await dialog().getByText('HIGHSCORE.DAT').waitFor()
      }),
    ),
    ...(
      [
        ['folder', 'From a folder'],
        ['compare', 'Compare'],
      ] as const
    ).map(([name, label]) =>
      opens(`media-${name}`, async () => {
        await button('Media…').click()
        await dialog().getByRole('tab', { name: label }).click()
      }),
    ),
    opens('create', () => page.getByTestId('new').click()),
    {
      name: 'create-expert',
      enter: async () => {
        await page.getByTestId('new').click()
        await page.getByRole('option', { name: 'Windows NT 4.0' }).click()
        await page.getByText('Expert').click()
        await page.getByLabel('Format').scrollIntoViewIfNeeded()
      },
      leave: escape,
    },
    ...categories.map((category, index): Stop => ({
      name: `settings-${index + 1}`,
      enter: async () => {
        if (index === 0) await page.getByTestId('settings').click()
        await tab(category)
      },
      ...(index === categories.length - 1 && { leave: escape }),
    })),
    {
      name: 'screen',
      enter: async () => {
        await select('vitrine-diagnostics')
        await page.getByTestId('start').click()
        await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
        await page.waitForTimeout(4000)
      },
    },
    ...['Machine', 'View', 'Input', 'Devices'].map((name): Stop => ({
      name: `menu-${name.toLowerCase()}`,
      enter: () => menu(name),
      leave: escape,
    })),
    {
      name: 'menu-host-key',
      enter: async () => {
        await menu('Input')
        await page.getByRole('menuitem', { name: /^Host key/ }).press('ArrowRight')
        await page.getByRole('menuitemradio', { name: 'Scroll Lock' }).waitFor()
      },
      leave: async () => {
        await page.keyboard.press('Escape')
        await escape()
      },
    },
    {
      name: 'menu-capture',
      enter: async () => {
        await menu('Input')
        await page.getByRole('menuitem', { name: 'Capture' }).press('ArrowRight')
        await page.getByRole('menuitemradio', { name: 'By the host key only' }).waitFor()
      },
      leave: async () => {
        await page.keyboard.press('Escape')
        await escape()
      },
    },
    {
      name: 'menu-clipboard',
      enter: async () => {
        await menu('Devices')
        await page.getByRole('menuitem', { name: 'Clipboard' }).press('ArrowRight')
        await page.getByRole('menuitemradio', { name: 'Both ways' }).waitFor()
      },
      leave: async () => {
        await page.keyboard.press('Escape')
        await escape()
      },
    },
    { name: 'menu-pace', enter: () => page.getByTestId('pace').click(), leave: escape },
    { name: 'menu-drive', enter: () => button('diagnostic.img').click(), leave: escape },
    {
      name: 'menu-status-bar',
      enter: async () => {
        await page.getByTestId('status-accelerator').click({ button: 'right' })
        await page.getByTestId('status-menu').waitFor()
      },
      leave: escape,
    },
    { name: 'menu-language', enter: () => button('Language').click(), leave: escape },
    {
      name: 'soft-keyboard',
      enter: async () => {
        await page.getByRole('menuitem', { name: 'Input', exact: true }).click()
        await page.getByRole('menuitemcheckbox', { name: 'On-screen keyboard' }).click()
      },
      leave: async () => {
        await page.getByRole('menuitem', { name: 'Input', exact: true }).click()
        await page.getByRole('menuitemcheckbox', { name: 'On-screen keyboard' }).click()
      },
    },
    opens('type-text', async () => {
      await menu('Input', 'Type text…')
      await dialog().getByLabel('Text to type').fill('copy a:\\größe.txt c:\\')
    }),
    opens('combinations', () => menu('Input', 'Own combinations…')),
    opens('power-off', () => button('Power off').click()),
    opens('close', () => more('Close…')),
    { name: 'text', enter: () => tab('Text') },
    {
      name: 'serial',
      enter: async () => {
        await tab('Serial console')
        await page.getByTestId('serial').getByText('diagnostic:').first().waitFor()
      },
    },
    {
      name: 'activity',
      enter: async () => {
        await tab('Activity')
        await page.getByTestId('activity').getByText('pio-read').waitFor()
        await page.waitForTimeout(4000)
      },
    },
    {
      name: 'host-activity',
      enter: async () => {
        await page.getByTestId('overview').click()
        await page.locator('[data-row=vitrine-diagnostics]').waitFor()
        await page.waitForTimeout(3000)
      },
      leave: () => select('vitrine-diagnostics'),
    },
    { name: 'log', enter: () => tab('Log') },
    {
      name: 'paused',
      enter: async () => {
        await tab('Screen')
        await button('Pause').click()
        await page.getByTestId('state').getByText('Paused').waitFor()
      },
      leave: () => button('Resume').click(),
    },
    {
      name: 'saved',
      enter: async () => {
        await page.getByTestId('state').getByText('Running').waitFor()
        await more('Save state')
        await page.getByTestId('state').getByText('Saved').waitFor()
      },
    },
    opens('discard-state', () => more('Discard saved state')),
    {
      name: 'notice',
      enter: async () => {
        await select('games-of-1993')
        await more('Remove…')
        await button('Keep its folder').click()
        await page.getByTestId('notice').waitFor()
      },
      leave: () => button('Undo').click(),
    },
    {
      name: 'failed',
      enter: async () => {
        await select('vitrine-diagnostics')
        await page.getByTestId('start').click()
        await page.locator('[data-testid=screen]:not([data-size=""])').waitFor()
        const [pid] = await front.machineProcesses()
        process.kill(pid!, 'SIGKILL')
        await page.getByText('It ended unexpectedly.').waitFor()
      },
    },
  ]
}
