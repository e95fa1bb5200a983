; Registers as a service leaves them, ES first: the port gives 32 bits of most, of which an 8086 has the lower half.
        in      ax, dx
        mov     es, ax
        in      ax, dx
        mov     ds, ax
        in      ax, dx
        mov     bp, ax
        in      ax, dx
        in      ax, dx
        mov     di, ax
        in      ax, dx
        in      ax, dx
        mov     si, ax
        in      ax, dx
        in      ax, dx
        mov     cx, ax
        in      ax, dx
        in      ax, dx
        mov     bx, ax
        in      ax, dx
        in      ax, dx
        push    ax              ; DX
        in      ax, dx
        in      ax, dx
        push    ax              ; AX
        in      ax, dx
        pop     ax
        pop     dx
