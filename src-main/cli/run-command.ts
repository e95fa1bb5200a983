import type { Worker } from 'node:worker_threads'
import { Command, Option } from 'commander'
import { KNOBS } from '../../engine/protocol/machine-config.ts'
import { planRun, type DriveArgument, type RawRunOptions } from './run-options.ts'
import { run } from './runner.ts'
import { STEP_HELP } from './steps.ts'

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]

const driveOption = (name: string, help: string, note: (text: string) => void): Option =>
  new Option(`${name} <FILE[,OPTIONS]>`, help).argParser(note)

/**
 * `vitrine run`: a machine that is in no library.
 * @param prepare gives the thread that the machine is to run on
 */
export function runCommand(finish: (status: number) => void, prepare: () => Worker): Command {
  // Drives of all kinds keep their order on the line, so they share one list.
  const drives: DriveArgument[] = []
  const drive = (kind: DriveArgument['kind']) => (text: string) => void drives.push({ kind, text })
  return new Command('run')
    .summary('boot a machine that is in no library')
    .description(
      'Boots a machine without any library entry, until the guest powers off or the steps given with --do are done.',
    )
    .option('--memory <MIB>', 'guest memory in MiB, 1 to 3072 (default: 128)')
    .option('--cpus <N>', 'processors (default: 1)')
    .option('--cpu-model <NAME>', '8086, 286, 386, 486, pentium, pentium2, pentium3 or max (default)')
    .option('--accel <NAME>', 'auto (default), jit, interpreter or kvm')
    .addOption(driveOption('--floppy', 'floppy image; repeatable', drive('floppy')))
    .addOption(driveOption('--disk', 'hard disk image; repeatable', drive('disk')))
    .addOption(driveOption('--cdrom', 'ISO file; repeatable', drive('cdrom')))
    .option('--boot <ORDER>', 'drives to boot from, e.g. floppy,cdrom,disk')
    .option('--kernel <FILE>', 'Linux or Multiboot 1 kernel, started without a boot loader')
    .option('--initrd <FILE>', 'initial RAM disk for a Linux kernel')
    .option('--append <TEXT>', 'kernel command line')
    .option('--module <FILE>', 'Multiboot module; repeatable', collect)
    .option('--firmware <FILE>', 'firmware in place of the built-in one; it ends at 4 GiB')
    .option('--vga-bios <FILE>', 'VGA BIOS in place of the built-in one')
    .option(
      '--serial <TARGET>',
      'stdio, file:FILE, pty, tcp:HOST:PORT (listens) or none; one per port, COM1 first',
      collect,
    )
    .option(
      '--mouse <WHERE>',
      'ps2 (default), or com1 to com4: a mouse of the Microsoft protocol on that port, and no PS/2 mouse',
    )
    .option('--parallel <TARGET>', 'file:FILE, to which what the guest prints is appended, or none')
    .option('--net <SETUP>', 'none; there is no networking yet')
    .option('--debug-console <FILE>', 'bytes written to port E9h')
    .option('--debug-exit', 'a write of v to port F4h ends the run with status (v << 1) | 1')
    .option('--port-log <PORT=FILE>', 'bytes written to a port; repeatable', collect)
    .option('--gdb <tcp:HOST:PORT>', 'GDB remote stub, on this computer only; port 0 takes one that is free')
    .option('--wait-gdb', 'stop before the first instruction until a debugger says go')
    .option('--display <KIND>', 'none (default) or web: the screen as a page of this computer')
    .option('--do <STEP>', 'something to do; repeatable, done in order (see below)', collect)
    .option('--restore-state <FILE>', 'go on from a state that save-state wrote')
    .option(
      '--allow-changed-media',
      'go on from it although an image is another one or was written since then',
    )
    .option('--timeout <SECONDS>', 'end with status 124 after so long')
    .option('--stats <FILE.json>', 'counters, written at the end')
    .option('--no-reboot', 'end with status 2 where the guest would restart the machine')
    .option(
      '--knob <NAME=VALUE>',
      `settings that some old systems need: ${KNOBS.join(', ')}; repeatable`,
      collect,
    )
    .addHelpText(
      'after',
      `
After an image come its options: ,readonly ,ephemeral (writes are thrown away)
,independent (snapshots of its machine leave the disk alone) ,bus=ide|virtio
,format=raw|qcow2|vdi|vhd|vmdk|luks|vhdx|parallels (told by the contents when absent; give it for a raw disk that
guests write) ,geometry=C/H/S (what a disk reports)
,allow=FILE (a backing file outside of the image's folder that may be read)
,overlay=FILE (a qcow2 image that takes the writes; made when missing, and emptied with ,ephemeral)
,secret-file=FILE (a file with the passphrase of an encrypted disk).
A comma in a file name is written twice; --floppy none and --cdrom none are empty drives.

${STEP_HELP}

Exit status: 0 the guest powered off or the steps are done; 1 wrong use or an unusable file;
2 the guest crashed the machine; 124 the time was up; with --debug-exit what the guest wrote.`,
    )
    .action(async (options: Omit<RawRunOptions, 'drives'>) =>
      finish(await run(planRun({ ...options, drives }), prepare())),
    )
}
