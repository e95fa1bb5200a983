#!/usr/bin/env node
import { EXIT } from './exit.ts'
import { prepareMachine } from './prepare-machine.ts'

// What a machine is made of takes as long to load as the command line does.
const thread = process.argv[2] === 'run' ? prepareMachine() : null
const { main } = await import('./main.ts')
// A reader that goes away (vitrine … | head) is no error of ours.
process.stdout.on('error', () => process.exit(EXIT.ok))
process.exitCode = await main(process.argv, thread ? () => thread : prepareMachine)
// Sockets and terminals of the run may still be open; what was written to them is out by then.
if (process.stdout.writableLength) process.stdout.once('drain', () => process.exit())
else process.exit()
