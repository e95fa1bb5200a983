; channel16.asm in the instructions of an 8086. The port counts 32 bits for each register, as ever: their upper halves
; are written as zeros and read for nothing. What takes 32 bits is no command here (see ../port/wide-commands.ts).
;
; A stub pushes DX and AX and jumps to `enter` with the service number in AX.

PORT equ 0x0f00

enter:                          ; stack: AX, DX, IP, CS, FLAGS
        push    ax
        mov     dx, PORT
        in      ax, dx          ; a channel of our own
        mov     dx, ax
        pop     ax
        out     dx, ax
        pop     ax
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, bx
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, cx
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        pop     ax              ; DX
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, si
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, di
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, bp
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        mov     ax, ds
        out     dx, ax
        mov     ax, es
        out     dx, ax
        pop     ax              ; IP
        out     dx, ax
        pop     ax              ; CS
        out     dx, ax
        pop     ax              ; FLAGS of the caller
        out     dx, ax
        pushf
        pop     ax              ; FLAGS of this handler
        out     dx, ax
        mov     ax, ss
        out     dx, ax
        mov     ax, sp
        out     dx, ax
        mov     ax, 0
        out     dx, ax
        cli
        cld

; Fetches and carries out one command after the other. DX is the channel; everything else is free.
fetch:
        in      ax, dx          ; AL = command, AH = small operand
        mov     bx, ax
        in      ax, dx          ; count or port
        mov     cx, ax
        mov     ax, bx
        mov     bh, 0
        add     bx, bx
        jmp     [cs:bx+commands]

commands:
        dw      op_done, op_retry, op_read, op_write, op_read32, op_write32
        dw      op_copy, op_fill, op_in8, op_in16, fetch, op_out8, op_out16, fetch
        dw      op_outlist, op_halt, op_callfar, fetch, fetch, fetch, fetch

; Memory at segment:offset to the port.
op_read:
        in      ax, dx
        mov     si, ax
        in      ax, dx
        mov     ds, ax
.next:  lodsb
        out     dx, al
        loop    .next
        jmp     fetch
op_read32:
        in      ax, dx
        mov     si, ax
        in      ax, dx
        mov     ds, ax
        add     cx, cx
.next:  lodsw
        out     dx, ax
        loop    .next
        jmp     fetch

; The port to memory at segment:offset.
op_write:
        in      ax, dx
        mov     di, ax
        in      ax, dx
        mov     es, ax
.next:  in      al, dx
        stosb
        loop    .next
        jmp     fetch
op_write32:
        in      ax, dx
        mov     di, ax
        in      ax, dx
        mov     es, ax
        add     cx, cx
.next:  in      ax, dx
        stosw
        loop    .next
        jmp     fetch

; Memory to memory. Operand bit 0: downwards; bit 1: words (else bytes, as planar memory needs).
op_copy:
        mov     bl, ah
        in      ax, dx
        mov     si, ax
        in      ax, dx
        mov     ds, ax
        in      ax, dx
        mov     di, ax
        in      ax, dx
        mov     es, ax
        test    bl, 1
        jz      .up
        std
.up:    test    bl, 2
        jnz     .words
        rep movsb
        cld
        jmp     fetch
.words: rep movsw
        cld
        jmp     fetch

; A word over memory. Operand bit 1: words, else the low byte.
op_fill:
        mov     bl, ah
        in      ax, dx
        mov     di, ax
        in      ax, dx
        mov     es, ax
        in      ax, dx
        test    bl, 2
        jnz     .words
        rep stosb
        jmp     fetch
.words: rep stosw
        jmp     fetch

op_in8:
        mov     si, dx
        mov     dx, cx
        in      al, dx
        mov     dx, si
        out     dx, al
        jmp     fetch
op_in16:
        mov     si, dx
        mov     dx, cx
        in      ax, dx
        mov     dx, si
        out     dx, ax
        jmp     fetch
op_out8:
        mov     al, ah
        xchg    dx, cx
        out     dx, al
        mov     dx, cx
        jmp     fetch
op_out16:
        in      ax, dx
        xchg    dx, cx
        out     dx, ax
        mov     dx, cx
        jmp     fetch

; CX pairs of a byte and a port for it.
op_outlist:
        jcxz    .end
        mov     si, dx
.next:  mov     dx, si
        in      ax, dx
        mov     bx, ax
        in      ax, dx
        mov     dx, ax
        mov     al, bl
        out     dx, al
        loop    .next
        mov     dx, si
.end:   jmp     fetch

op_halt:
        sti
        hlt
        cli
        jmp     fetch

; The end of a call: the frame comes back from the port.
op_done:
        in      ax, dx
        push    ax              ; FLAGS
        in      ax, dx
        mov     bx, ax          ; IP
        in      ax, dx
        push    ax              ; CS
        push    bx
%include "registers8086.asm"
        iret

; Not ready: wait for an interrupt outside of any call, then call again with what the caller gave.
op_retry:
        mov     di, cx
        add     di, cx
        in      ax, dx
        push    ax
        in      ax, dx
        mov     bx, ax
        in      ax, dx
        push    ax
        push    bx
        push    word [cs:di+retries]
%include "registers8086.asm"
        sti
        hlt
        cli
        ret                     ; to the stub
