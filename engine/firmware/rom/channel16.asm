; The guest's half of the firmware port, 16-bit code (real, virtual-8086 and 16-bit protected mode).
; port/protocol.ts is the other half and describes the exchange.
;
; A stub pushes EDX, EAX and a service number and jumps to `enter`. The whole interrupt frame then moves
; through the port, so that nothing of it stays on the caller's stack: some callers have less than
; 100 bytes left, and some run this code on a 32-bit stack whose offset does not fit 16 bits.

PORT equ 0x0f00

enter:                          ; stack: service, EAX, EDX, IP, CS, FLAGS
        mov     dx, PORT
        in      ax, dx          ; a channel of our own, so that a nested or pre-empting call has another
        mov     dx, ax
        pop     ax
        out     dx, ax
        pop     eax
        out     dx, eax
        mov     eax, ebx
        out     dx, eax
        mov     eax, ecx
        out     dx, eax
        pop     eax             ; EDX
        out     dx, eax
        mov     eax, esi
        out     dx, eax
        mov     eax, edi
        out     dx, eax
        mov     eax, ebp
        out     dx, eax
        mov     ax, ds
        out     dx, ax
        mov     ax, es
        out     dx, ax
        pop     eax             ; IP, CS
        out     dx, eax
        pop     ax              ; FLAGS of the caller
        out     dx, ax
        pushf
        pop     ax              ; FLAGS of this handler
        out     dx, ax
        mov     ax, ss
        out     dx, ax
        mov     eax, esp
        out     dx, eax
        cli
        cld

; Fetches and carries out one command after the other. DX is the channel; everything else is free.
fetch:
        in      eax, dx         ; AL = command, AH = small operand, high word = count or port
        mov     ecx, eax
        shr     ecx, 16
        movzx   bx, al
        add     bx, bx
        jmp     [cs:bx+commands]

commands:
        dw      op_done, op_retry, op_read, op_write, op_read32, op_write32
        dw      op_copy, op_fill, op_in8, op_in16, op_in32, op_out8, op_out16, op_out32
        dw      op_outlist, op_halt, op_callfar, op_pmcopy, op_launch16, op_launch32, op_switchpm

; Memory at segment:offset to the port.
op_read:
        in      eax, dx
        mov     si, ax
        shr     eax, 16
        mov     ds, ax
        rep outsb
        jmp     fetch
op_read32:
        in      eax, dx
        mov     si, ax
        shr     eax, 16
        mov     ds, ax
        rep outsd
        jmp     fetch

; The port to memory at segment:offset.
op_write:
        in      eax, dx
        mov     di, ax
        shr     eax, 16
        mov     es, ax
        rep insb
        jmp     fetch
op_write32:
        in      eax, dx
        mov     di, ax
        shr     eax, 16
        mov     es, ax
        rep insd
        jmp     fetch

; Memory to memory. Operand bit 0: downwards; bit 1: words (else bytes, as planar memory needs).
op_copy:
        mov     bl, ah
        in      eax, dx
        mov     si, ax
        shr     eax, 16
        mov     ds, ax
        in      eax, dx
        mov     di, ax
        shr     eax, 16
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
        in      eax, dx
        mov     di, ax
        shr     eax, 16
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
op_in32:
        mov     si, dx
        mov     dx, cx
        in      eax, dx
        mov     dx, si
        out     dx, eax
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
op_out32:
        in      eax, dx
        xchg    dx, cx
        out     dx, eax
        mov     dx, cx
        jmp     fetch

; CX pairs of a port (high word) and a byte for it.
op_outlist:
        jcxz    .end
        mov     si, dx
.next:  mov     dx, si
        in      eax, dx
        ror     eax, 16
        mov     dx, ax
        shr     eax, 16
        out     dx, al
        dec     cx
        jnz     .next
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
        in      eax, dx
        push    eax             ; CS:IP
        jmp     registers
registers_end:
        iret

; Not ready: wait for an interrupt outside of any call, then call again with what the caller gave.
op_retry:
        mov     di, cx
        add     di, cx
        in      ax, dx
        push    ax
        in      eax, dx
        push    eax
        push    word [cs:di+retries]
        in      ax, dx
        mov     es, ax
        in      ax, dx
        mov     ds, ax
        in      eax, dx
        mov     ebp, eax
        in      eax, dx
        mov     edi, eax
        in      eax, dx
        mov     esi, eax
        in      eax, dx
        mov     ecx, eax
        in      eax, dx
        mov     ebx, eax
        in      eax, dx
        push    eax
        in      eax, dx
        pop     edx
        sti
        hlt
        cli
        ret                     ; to the stub

registers:
        in      ax, dx
        mov     es, ax
        in      ax, dx
        mov     ds, ax
        in      eax, dx
        mov     ebp, eax
        in      eax, dx
        mov     edi, eax
        in      eax, dx
        mov     esi, eax
        in      eax, dx
        mov     ecx, eax
        in      eax, dx
        mov     ebx, eax
        in      eax, dx
        push    eax             ; EDX
        in      eax, dx
        pop     edx
        jmp     registers_end
