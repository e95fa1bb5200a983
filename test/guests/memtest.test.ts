import { describe } from 'vitest'
import { guestImages } from '../support/guest-images.ts'
import { boots } from '../support/vitrine-run.ts'

/** In MiB: with less than 7 it finds no room for itself above the first 4. */
const LEAST_MEMORY = '7'

describe('Memtest86+', () => {
  boots('passes once without errors', async () => ({
    args: ['--kernel', await guestImages.memtest(), '--memory', LEAST_MEMORY],
    steps: [
      'wait:Memtest86\\+ v6\\.10',
      'wait:<Enter> to start testing',
      'key:enter',
      'wait:Pass: +[1-9]\\d* +Errors: +0\\b',
    ],
    seconds: 800,
  }))
})
