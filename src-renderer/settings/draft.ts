import * as v from 'valibot'
import { contradiction } from '../../engine/protocol/machine-config.ts'
import { technical } from '../../engine/protocol/reasons.ts'
import { VmSettings } from '../../engine/protocol/vm.ts'
import { reasonText } from '../i18n/reason-text.ts'
import type { Translate } from '../stores/locale.ts'

type Branch = Record<string, unknown>
const isBranch = (value: unknown): value is Branch => typeof value === 'object' && value !== null

/** The value at a path of a draft; undefined where there is none. */
export function readAt(draft: VmSettings, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isBranch(value) ? value[key] : undefined), draft)
}

/** Puts a value at a path, making what is missing on the way; undefined takes it away. */
export function writeAt(draft: VmSettings, path: readonly string[], value: unknown): void {
  let branch = draft as unknown as Branch
  for (const key of path.slice(0, -1)) {
    if (!isBranch(branch[key])) branch[key] = {}
    branch = branch[key] as Branch
  }
  const last = path.at(-1)!
  if (value === undefined) delete branch[last]
  else branch[last] = value
}

/** The draft without what makes it reactive, to be sent. Settings are JSON by nature. */
export const plainCopy = (draft: VmSettings): VmSettings => JSON.parse(JSON.stringify(draft)) as VmSettings

export interface Problem {
  path: readonly string[]
  text: string
}

/** What does not fit yet, each with the place of the value. */
export function problemsOf(draft: VmSettings, t: Translate): Problem[] {
  const result = v.safeParse(VmSettings, draft)
  return (result.issues ?? []).map((issue) => ({
    path: (issue.path ?? []).map(({ key }) => String(key)),
    text: describe(issue, draft, t),
  }))
}

/** In the language of the interface. */
function describe(issue: v.BaseIssue<unknown>, draft: VmSettings, t: Translate): string {
  const limit = 'requirement' in issue && typeof issue.requirement === 'number' ? issue.requirement : 0
  const received = String(issue.input)
  switch (issue.type) {
    case 'number':
      return t('problem.number')
    case 'integer':
      return t('problem.integer')
    case 'min_value':
      return t('problem.tooLittle', { received, limit })
    case 'max_value':
      return t('problem.tooMuch', { received, limit })
    case 'non_empty':
      return t('problem.empty')
    case 'max_length':
      return t('problem.tooLong', { limit })
    case 'picklist':
      return t('problem.choice', { received })
    case 'regex':
    case 'excludes':
      return t('problem.form')
    case 'raw_check': // the one of a machine as a whole
      return reasonText(contradiction(draft.machine) ?? technical(issue.message), t)
    default:
      return reasonText(technical(issue.message), t)
  }
}

/** Whether a problem lies at a path or below it. */
export const liesAt = (problem: Problem, path: readonly string[]): boolean =>
  path.every((key, index) => problem.path[index] === key)
