/** The user guide as chapters, made when the application is built. */
declare module '*.md' {
  import type { GuideChapter } from './help/guides.ts'

  const chapters: GuideChapter[]
  export default chapters
}
