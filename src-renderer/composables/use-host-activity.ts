import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import type { HostActivity } from '../../engine/protocol/host-activity.ts'
import { errorText } from '../i18n/error-text.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachines } from '../stores/machines.ts'
import { hostRates, type HostRates } from './host-rates.ts'

const ASK_MS = 1000

/** Asks the host once a second, for as long as somebody looks. */
export function useHostActivity(): { rates: Ref<HostRates | null>; problem: Ref<string> } {
  const machines = useMachines()
  const { t } = useLocale()
  const rates = ref<HostRates | null>(null)
  const problem = ref('')
  let before: HostActivity | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let isGone = false

  async function look(): Promise<void> {
    try {
      const now = await machines.activity()
      // Two looks make a rate.
      if (before)
        rates.value = hostRates(now, before, (id) => machines.list.find((vm) => vm.id === id)?.name ?? id)
      before = now
      problem.value = ''
    } catch (error) {
      problem.value = errorText(error, t)
    }
    if (!isGone) timer = setTimeout(() => void look(), ASK_MS)
  }
  onMounted(() => void look())
  onBeforeUnmount(() => {
    isGone = true
    clearTimeout(timer)
  })
  return { rates, problem }
}
