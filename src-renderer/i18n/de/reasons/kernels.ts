import type { kernels as english } from '../../../../engine/protocol/reasons/kernels.ts'

/** Von Kerneln und Firmware, mit denen eine Maschine startet. */
export const kernels = {
  'file-too-large-for': 'ihre {bytes} Bytes sind zu viel („{what}“); höchstens {most} passen',
  'firmware-size':
    '{bytes} Bytes sind keine Firmware: es muss ein Vielfaches von 4 KiB sein, höchstens 2 MiB',
  'option-rom': 'sie ist kein Options-ROM (55 AA am Anfang) von höchstens 64 KiB',
  'processor-16-bit': 'ein {model} führt keinen Code mit 32 Bit aus',
  'no-kernel':
    'sie ist kein Kernel: sie hat weder den Kopf von Linux (Startprotokoll ab 2.00) noch den von Multiboot 1',
  'kernel-compressed': 'sie ist gepackt und beschädigt oder zu groß',
  'append-too-long': 'sie ist länger als die {most} Zeichen, die dieser Kernel nimmt',
  'append-too-long-with-modules': 'sie ist zusammen mit den Modulen zu lang',
  'linux-no-modules': 'ein Kernel von Linux nimmt keine Module, nur eine initrd',
  'linux-cut-off': 'sie ist abgeschnitten: ihr Code zum Starten ist nicht ganz da',
  'linux-setup-too-long': 'sie hat mehr Code zum Starten, als das Startprotokoll erlaubt',
  'kernel-needs-memory': 'sie braucht mindestens {MiB} MiB Speicher',
  'initrd-no-room': 'sie passt zusammen mit dem Kernel nicht in den Speicher der Maschine',
  'multiboot-feature': 'sie verlangt etwas von Multiboot, das es hier nicht gibt',
  'module-no-room': 'sie passt nicht hinein: die Maschine braucht mehr als {MiB} MiB Speicher',
  'kernel-cut-off': 'sie ist abgeschnitten',
  'multiboot-addresses': 'ihr Kopf von Multiboot nennt Adressen, die nicht zur Datei passen',
} as const satisfies Record<keyof typeof english, string>
