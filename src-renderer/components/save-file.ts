/** Hands the user a file, as a download. */
export function saveFile(contents: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(contents)
  link.download = name.replace(/[\\/:*?"<>|]/g, '-')
  link.click()
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
