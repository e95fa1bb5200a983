export function mainWorld(key: string): void
export function preloadWorld(key: string, secret: string): (name: string) => unknown
