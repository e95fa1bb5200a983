import { onScopeDispose, readonly, ref, type Ref } from 'vue'

/** Pixels of the screen in a CSS pixel: another after the window was moved to another screen, or the page zoomed. */
export function useDensity(): Readonly<Ref<number>> {
  const density = ref(devicePixelRatio)
  // A query is about one density: when it holds no more, the next is about the new one.
  let query: MediaQueryList | null = null
  function watchDensity(): void {
    density.value = devicePixelRatio
    query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`)
    query.addEventListener('change', watchDensity, { once: true })
  }
  watchDensity()
  onScopeDispose(() => query?.removeEventListener('change', watchDensity))
  return readonly(density)
}
