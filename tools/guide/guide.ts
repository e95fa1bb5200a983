/** A chapter of the user guide: a heading of the second order with all that is below it. */
export interface GuideChapter {
  /** The heading as part of an address: small letters, hyphens between words. */
  id: string
  title: string
  html: string
}

/**
 * The user guide for the application itself: its Markdown as HTML, chapter by chapter. It knows what the guide is
 * written in: headings, paragraphs, lists, tables, code blocks, bold, emphasis, code and links. Pictures and links to
 * files are left out, as the application does not have them.
 */
export function guideChapters(markdown: string): GuideChapter[] {
  const chapters: GuideChapter[] = []
  for (const block of blocksOf(markdown)) {
    const [, level, title] = /^(#{1,3}) (.*)$/.exec(block) ?? []
    if (level === '##' && title) chapters.push({ id: idOf(title), title, html: '' })
    else if (level !== '#' && chapters.length > 0) chapters.at(-1)!.html += htmlOf(block)
  }
  return chapters
}

export const idOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-')

/** What stands between empty lines; code with empty lines in it is one. */
function blocksOf(markdown: string): string[] {
  const blocks: string[] = []
  let isCode = false
  let lines: string[] = []
  const end = (): void => {
    if (lines.length > 0) blocks.push(lines.join('\n'))
    lines = []
  }
  for (const line of markdown.split('\n')) {
    const fence = line.startsWith('```')
    if ((fence && !isCode) || (!isCode && line.trim() === '')) end()
    if (fence || isCode || line.trim() !== '') lines.push(line)
    if (fence && isCode) end()
    if (fence) isCode = !isCode
  }
  end()
  return blocks
}

function htmlOf(block: string): string {
  if (block.startsWith('### ')) return `<h4 id="${idOf(block.slice(4))}">${inline(block.slice(4))}</h4>`
  if (block.startsWith('```'))
    return `<pre tabindex="0">${escaped(block.split('\n').slice(1, -1).join('\n'))}</pre>`
  if (block.startsWith('- ')) return `<ul>${items(block)}</ul>`
  if (block.startsWith('1. ')) return `<ol>${items(block)}</ol>`
  if (block.startsWith('|')) return table(block.split('\n'))
  return `<p>${inline(block)}</p>`
}

const items = (block: string): string =>
  block
    .split(/^(?:-|\d+\.) /m)
    .slice(1)
    .map((item) => `<li>${inline(item.trimEnd())}</li>`)
    .join('')

function table([head = '', , ...rows]: readonly string[]): string {
  const cells = (row: string, tag: string): string =>
    row
      .replaceAll(/^\||\|$/g, '')
      .split('|')
      .map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`)
      .join('')
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')
  return `<table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${body}</tbody></table>`
}

const LINK = /(!?\[(?:`[^`]+`|[^\]`])*\]\([^)]*\))/
const LINK_PARTS = /^(!?)\[(.*)\]\((#?)(.*)\)$/s

const inline = (text: string): string =>
  text
    .split(LINK)
    .map((part, at) => (at % 2 === 0 ? withCode(part) : link(part)))
    .join('')
    .replaceAll(/\n */g, ' ')

function link(text: string): string {
  const [, isPicture, label = '', isHere, target] = LINK_PARTS.exec(text) ?? []
  if (isPicture) return ''
  return isHere ? `<a href="#${target}">${withCode(label)}</a>` : withCode(label)
}

const withCode = (text: string): string =>
  text
    .split(/(`[^`]+`)/)
    .map((part, at) => (at % 2 === 0 ? emphasised(part) : `<code>${escaped(part.slice(1, -1))}</code>`))
    .join('')

const emphasised = (text: string): string =>
  escaped(text)
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\*([^*]+)\*/g, '<em>$1</em>')

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
