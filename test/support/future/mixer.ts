/**
 * Timer interrupts, the clock, the speaker's counter and the disk change what a program mixes into its memory and puts
 * on its screen: whatever comes one instruction sooner or later is seen in all that follows.
 */
export const MIXER = `
    mov word [8 * 4], tick
    mov word [8 * 4 + 2], 0
    mov al, 0x34
    out 0x43, al
    mov al, 0x39
    out 0x40, al
    mov al, 0x05
    out 0x40, al
    mov ax, 0x2000
    mov es, ax
    mov ax, 0xb800
    mov fs, ax
    fninit
    fldpi
    sti
  mix:
    mov al, 0
    out 0x43, al
    in al, 0x40
    mov ah, al
    in al, 0x40
    rol ax, 5
    add [seed], ax
    mov eax, [seed]
    imul eax, eax, 1103515245
    add eax, 12345
    mov [seed], eax
    mov di, ax
    shr eax, 16
    xor [es:di], ax
    and di, 0xfff
    cmp di, 4000
    jae past
    mov [fs:di], al
  past:
    fld st0
    fsin
    faddp st1, st0
    fst qword [es:0]
    rdtsc
    xor [es:0x10], eax
    test byte [seed + 1], 0x1f
    jnz mix
    hlt
    jmp mix
  tick:
    push ax
    inc word [ticks]
    mov ax, sp
    mov [es:0x20], ax
    mov ax, [seed]
    xor [es:0x22], ax
    mov al, 0x20
    out 0x20, al
    pop ax
    iret
  seed:
    dd 1
  ticks:
    dw 0
`
