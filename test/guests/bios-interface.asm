; Calls the BIOS as old systems do and writes what it finds to port E9h: a line NAME=VALUE for each.
; Starts from a diskette; ends the run by a write to port F4h.

        org     0x7c00
        bits    16
SECTORS equ     8

start:  xor     bx, bx
        mov     ds, bx
        mov     es, bx
        in      al, 0x92        ; before anything else opens it
        mov     [gate], al
        mov     ax, 0x0200+SECTORS
        mov     bx, 0x7e00
        mov     cx, 2
        mov     dx, 0
        int     0x13
        jc      start
        jmp     main
line:                           ; NAME follows the call, value in AX
        pop     si
        push    ax
.name:  mov     al, [cs:si]
        inc     si
        cmp     al, 0
        je      .value
        out     0xe9, al
        jmp     .name
.value: mov     al, '='
        out     0xe9, al
        pop     ax
        push    si
        mov     cx, 4
.digit: rol     ax, 4
        push    ax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .out
        add     al, 'a'-'9'-1
.out:   out     0xe9, al
        pop     ax
        loop    .digit
        mov     al, 10
        out     0xe9, al
        ret
gate:   db      0
        times   510-($-$$) db 0
        dw      0xaa55

main:   mov     al, [gate]
        mov     ah, 0
        and     al, 2
        call    line
        db      'a20 at start', 0
        mov     ax, 0xf000
        mov     es, ax
        mov     al, [es:0xfffe]
        mov     ah, 0
        call    line
        db      'model', 0
        mov     al, [es:0xefd2]
        call    line
        db      'efd2', 0
        mov     ax, [es:0xfffb]
        call    line
        db      'year', 0
        int     0x68            ; must come back
        mov     ax, [0x60*4]
        call    line
        db      'vector 60', 0
        mov     ax, [0x41*4+2]
        call    line
        db      'disk table segment', 0
        les     di, [0x41*4]
        mov     ax, [es:di]
        call    line
        db      'cylinders', 0
        mov     al, [es:di+2]
        mov     ah, 0
        call    line
        db      'heads', 0
        mov     al, [es:di+14]
        call    line
        db      'sectors', 0
        mov     al, 0x12
        out     0x70, al
        in      al, 0x71
        call    line
        db      'cmos 12', 0

; Interrupts are enabled and high halves kept on return, whatever came in.
        cli
        mov     eax, 0x12340000
        mov     dl, 0x80
        int     0x13
        call    flags
        call    line
        db      '13 if', 0
        shr     eax, 16
        call    line
        db      '13 eax', 0
        cli
        mov     ah, 0xee
        int     0x15
        call    flags
        call    line
        db      '15 if', 0
        cli
        mov     ah, 1
        mov     bp, sp
        push    word 0x0002     ; what lies on the stack are not the flags to return with
        push    cs
        push    word .back16
        jmp     0xf000:0xe82e
.back16:
        call    flags
        call    line
        db      '16 if', 0
        sub     bp, sp
        mov     ax, bp
        call    line
        db      '16 stack', 0

; Memory.
        int     0x12
        call    line
        db      'int 12', 0
        mov     ah, 0x88
        int     0x15
        call    line
        db      '88', 0
        mov     ax, 0xe801
        int     0x15
        mov     ax, bx
        call    line
        db      'e801', 0
        xor     ax, ax
        mov     es, ax
        mov     si, descriptors
        mov     cx, 2
        mov     ah, 0x87
        int     0x15
        setc    al
        mov     ah, 0
        call    line
        db      '87 carry', 0
        mov     dword [pattern], 0
        mov     si, descriptors_back
        mov     cx, 2
        mov     ah, 0x87
        int     0x15
        mov     ax, [pattern+2]
        call    line
        db      '87 data', 0
        mov     ax, 0xd000      ; upper memory without a ROM
        mov     es, ax
        mov     ax, [es:0]
        xor     word [es:0], 0x5555
        xor     ax, [es:0]
        call    line
        db      'upper memory', 0

; Resets that come back: shutdown status 5, 0Ah and 9.
        mov     word [0x467], .after5
        mov     word [0x469], 0
        mov     al, 5
        jmp     reset
.after5:
        xor     ax, ax          ; the BIOS left its own data segment, and no stack
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        mov     ax, 5
        call    line
        db      'shutdown', 0
        mov     word [0x467], .after10
        mov     al, 10
        jmp     reset
.after10:
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        mov     ax, 10
        call    line
        db      'shutdown', 0
        pushf
        push    cs
        push    word .after9
        pusha
        push    es
        push    ds
        mov     [0x469], ss
        mov     [0x467], sp
        mov     al, 9
        jmp     reset
.after9:
        mov     ax, 9
        call    line
        db      'shutdown', 0

; PCI, APM and signatures.
        mov     ax, 0xb101
        int     0x1a
        mov     ax, dx
        call    line
        db      'pci', 0
        mov     ax, 0xb10e
        mov     bx, 0
        mov     di, routing
        push    ds
        pop     es
        int     0x1a
        mov     al, ah
        mov     ah, 0
        call    line
        db      'pci routing', 0
        mov     ax, 0x5300
        xor     bx, bx
        int     0x15
        call    line
        db      'apm', 0
        mov     ax, 0x5303
        xor     bx, bx
        int     0x15
        setc    al
        mov     ah, 0
        call    line
        db      'apm connect', 0
        mov     si, signatures
.next:  mov     eax, [si]
        add     si, 4
        cmp     eax, 0
        je      .end
        push    si
        call    find
        call    line
        db      'signature', 0
        pop     si
        jmp     .next
.end:   mov     al, 0
        out     0xf4, al
        hlt

; AX = 1 when interrupts are enabled; EAX keeps its high half.
flags:  pushf
        pop     ax
        shr     ax, 9
        and     ax, 1
        ret

reset:  mov     ah, al
        cli
        mov     al, 0x8f
        out     0x70, al
        mov     al, ah
        out     0x71, al
        mov     al, 0xfe
        out     0x64, al
.wait:  hlt
        jmp     .wait

; AX = 1 when EAX stands on a paragraph of the BIOS segment.
find:   mov     bx, 0xf000
        mov     es, bx
        mov     cx, 0x1000
        xor     di, di
.look:  cmp     [es:di], eax
        je      .found
        add     di, 16
        loop    .look
        mov     ax, 0
        ret
.found: mov     ax, 1
        ret

signatures:
        db      '$PnP', '$PIR', '_32_', '_MP_', 'RSD ', '_SM_'
        dd      0
routing:
        dw      512, 0x9000, 0
pattern:
        dd      0x12345678
        align   8
descriptors:                    ; from the pattern to 1 MiB
        times   16 db 0
        dw      0xffff, pattern, 0x9300, 0
        dw      0xffff, 0, 0x9310, 0
        times   16 db 0
descriptors_back:
        times   16 db 0
        dw      0xffff, 0, 0x9310, 0
        dw      0xffff, pattern, 0x9300, 0
        times   16 db 0
        times   512*(SECTORS+1)-($-$$) db 0
