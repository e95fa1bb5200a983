/**
 * What is wrong with the places of what the page shows now: controls that are cut off by the window or by something that
 * does not scroll, controls that something else lies on, and texts that lie on one another. It runs in the page.
 */
export function layoutFaults(): string[] {
  const CONTROLS =
    'button, a[href], input, select, textarea, [role=menuitem], [role=menuitemradio], [role=menuitemcheckbox], [role=tab], [role=option]'
  /** Pixels of the page by which a box may be out of place: it is rounded. */
  const SLACK = 1
  interface Box {
    left: number
    top: number
    right: number
    bottom: number
  }
  const faults: string[] = []
  // What lies above the page has it to itself; the page behind it is out of reach.
  const layers = [...document.querySelectorAll('[role=dialog], [role=alertdialog], [role=menu]')]
  const root = layers.at(-1) ?? document.body

  const common = (a: Box, b: Box): Box => ({
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  })
  const isEmpty = ({ left, top, right, bottom }: Box): boolean =>
    right - left <= SLACK || bottom - top <= SLACK
  const windowBox: Box = { left: 0, top: 0, right: innerWidth, bottom: innerHeight }

  /** What is seen of a box in an element, and whether the rest of it can be scrolled to. */
  function seen(element: Element, box: Box): { box: Box; isScrolled: boolean } {
    let left = box
    let isScrolled = false
    for (let at = element.closest('*'); at && at !== document.documentElement; at = at.parentElement) {
      const { overflowX, overflowY, position } = getComputedStyle(at)
      if (overflowX !== 'visible' || overflowY !== 'visible') {
        if (/auto|scroll/.test(overflowX + overflowY)) isScrolled = true
        left = common(left, at.getBoundingClientRect())
      }
      if (position === 'fixed') break
    }
    return { box: common(left, windowBox), isScrolled }
  }
  const isShown = (element: Element): boolean =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    element.closest('.visually-hidden, [aria-hidden=true], [inert], .xterm') === null
  const nameOf = (element: Element): string =>
    `${element.tagName.toLowerCase()} “${(element.getAttribute('aria-label') ?? element.textContent ?? '').replaceAll(/\s+/g, ' ').trim().slice(0, 40)}”`

  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window')
  for (const control of root.querySelectorAll(CONTROLS)) {
    const whole = control.getBoundingClientRect()
    if (!isShown(control) || isEmpty(whole)) continue
    const { box, isScrolled } = seen(control, whole)
    const isWhole =
      box.left <= whole.left + SLACK &&
      box.top <= whole.top + SLACK &&
      box.right >= whole.right - SLACK &&
      box.bottom >= whole.bottom - SLACK
    if (!isWhole && !isScrolled)
      faults.push(
        `${nameOf(control)} is cut off: ${[whole.left, whole.top, whole.right, whole.bottom].map(Math.round)}`,
      )
    if (isEmpty(box)) continue
    const above = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    const own = control.closest('label') ?? control
    if (above && !own.contains(above) && !above.contains(control))
      faults.push(`${nameOf(control)} lies under ${nameOf(above)}`)
  }

  const texts: { box: Box; text: string; node: Node }[] = []
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement!
    const text = node.textContent!.trim()
    if (text === '' || !isShown(element) || element.closest('select, option, textarea')) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const { left, top, right, bottom, height } of range.getClientRects()) {
      // A line of a text has room for what letters seldom have.
      const letters = { left, top: top + height / 5, right, bottom: bottom - height / 5 }
      const { box } = seen(element, letters)
      if (!isEmpty(box)) texts.push({ box, text: text.slice(0, 40), node })
    }
  }
  /** A notice lies on the page for as long as it is there. */
  const isNotice = (node: Node): boolean => node.parentElement!.closest('[data-testid=notice]') !== null
  for (const [at, one] of texts.entries())
    for (const other of texts.slice(at + 1))
      if (
        one.node !== other.node &&
        isNotice(one.node) === isNotice(other.node) &&
        !isEmpty(common(one.box, other.box))
      )
        faults.push(`“${one.text}” and “${other.text}” lie on one another`)
  return faults
}
