import { expect, it } from 'vitest'
import { ENDINGS, quitQuestion } from './quit-question.ts'

it.each(['en-GB', 'de-AT', 'fr'])('has a button for each ending and one to stay, in %s', (locale) => {
  const { buttons, message } = quitQuestion(2, locale)
  expect(new Set(buttons).size).toBe(ENDINGS.length + 1)
  expect(message).toContain('2')
})

it('speaks the language of the system where it can', () => {
  expect(quitQuestion(1, 'de').buttons[0]).toBe('Zustand sichern')
  expect(quitQuestion(1, 'fr').buttons[0]).toBe('Save state')
})
