// What can go wrong, in English: by its code, what happened and what to do. A code that isn't here is
// told in the words it came with.

/** @type {Readonly<Record<string, readonly [what: string, next: string]>>} */
export const FAILURES = Object.freeze({
  // This browser or this device.
  insecure: [
    'This page came from another machine without TLS. Browsers give such a page no graphics card, no storage and no threads, so it cannot start.',
    'Open it by https, or on the machine that serves it.',
  ],
  no_worker: [
    'This browser lacks something the agent needs: module workers, web locks or WebAssembly.',
    'Use a current Chrome, Edge, Firefox or Safari.',
  ],
  data_blocked: [
    'This browser blocks site data (cookies and the like) for this page. Without it, tabs cannot agree which of them works, so it cannot start.',
    'Allow site data for this address in the browser’s settings, and reload the page.',
  ],
  no_webgpu: [
    'This browser has no WebGPU, so the processor does the work. That is slower, and just as exact.',
    'For more speed, use a current Chrome, Edge, Firefox or Safari with its graphics acceleration on.',
  ],
  no_adapter: [
    'The browser offers no graphics card, so the processor does the work. That is slower, and just as exact.',
    'Use a current Chrome, Edge, Firefox or Safari, turn graphics acceleration on in its settings, or update the graphics driver.',
  ],
  software_adapter: [
    'There is no graphics card here, only a program that imitates one. The processor does the work itself, which is much faster.',
    '',
  ],
  no_f16: [
    'This graphics card, or this browser on it, has no 16-bit floats, so it computes with 32 bits. That is a little slower, and just as exact.',
    '',
  ],
  rung_unavailable: ['This way of computing does not run on this device.', ''],
  self_test_failed: [
    'On known pairs this device came to other numbers than it must, so it is not used this way.',
    'A newer browser or graphics driver often helps. Extensions that guard against fingerprinting can change pictures: allow this page there.',
  ],
  no_rung_left: [
    'Nothing on this device computes this model rightly, so it takes no work.',
    'Update the browser and the graphics driver, or use another device. Nothing was scored wrongly.',
  ],
  device_lost: ['The graphics card went away: after sleep, a driver update or too much load.', 'The agent opens it again by itself.'],
  numeric_fault: ['Numbers came out that cannot be. They were thrown away.', 'The agent tests this device again before it goes on.'],
  engine_failed: ['The arithmetic failed on this device.', 'The agent goes on by itself; if it stays, start again.'],
  out_of_memory: [
    'There is not enough memory for this model.',
    'Close other tabs and programs, then start again. If it stays, this device is too small for it.',
  ],
  storage_full: [
    'There is no room in this browser to keep the model. It works all the same, and is downloaded again at the next visit.',
    'Free some disk space to save the download.',
  ],
  storage_refused: [
    'This browser keeps nothing for this page, as in a private window. It works all the same, and the model is downloaded again at the next visit.',
    'Open the page in an ordinary window to save the download.',
  ],
  worker_died: ['The agent stopped without a word.', 'Press Try again; if it stays, reload the page.'],
  boot_failed: ['The agent could not be started.', 'Check the connection and press Try again; if it stays, reload the page.'],

  // The way to the server, and the server.
  offline: ['This device is offline.', 'Work goes on by itself when the connection is back. Nothing is lost.'],
  unreachable: ['The server does not answer.', 'Check the connection. Finished scores are sent when it answers again.'],
  busy: ['The server has too much to do just now.', 'There is nothing to do: the agent waits as long as the server asked.'],
  rate_limited: ['This device has asked the server too often.', 'There is nothing to do: the agent waits as long as the server asked.'],
  server_error: ['The server failed.', 'The agent tries again by itself. If it stays, tell whoever runs this server.'],
  shard_unavailable: ['Part of the pool cannot be read on the server just now.', 'The agent goes on elsewhere. Whoever runs this server finds the reason in its log.'],
  licence_unaccepted: [
    'This server has a model, but whoever runs it has not accepted the model’s licence yet, so there is no work.',
    'There is nothing to do here: Start comes to life by itself when they have. On the server: dva bundle list.',
  ],
  refused: ['The server refused a request.', 'Reload the page; if it stays, tell whoever runs this server.'],
  not_signed_in: ['The server does not know this device any more.', 'The agent signs in again by itself.'],
  token_expired: ['The sign-in has ended.', 'The agent signs in again by itself.'],
  device_revoked: ['This device was revoked by its account, or by whoever runs this server.', 'To work again, forget this browser under “You”, and start.'],
  account_deleted: ['This account was deleted.', 'To work again, forget this browser under “You”, and start.'],
  contributor_suspended: [
    'Results of this account differed from what they should be when they were computed again, so it gets no work for now.',
    'Ask whoever runs this server why, and to look again.',
  ],
  device_quarantined: [
    'Devices of this kind came to other results than they should when they were computed again, so this one gets no work for now.',
    'Update the browser and the graphics driver; whoever runs this server can look again.',
  ],
  name_invalid: ['This cannot be a name.', 'It has 1 to 40 characters, all of which can be seen.'],
  device_taken: ['The key of this browser is of another account.', 'Forget this browser under “You”, and start.'],
  challenge_invalid: ['Signing in took too long.', 'Try it again.'],
  origin_unknown: ['This server does not know the address that you see it under.', 'Tell whoever runs it: they have to name the address in its settings.'],
  signature_invalid: ['The server cannot check the signature of this browser.', 'Reload the page; if it stays, forget this browser under “You”.'],
  protocol_outdated: ['The server is newer than this page.', 'The page loads itself anew. If this stays, reload it while holding Shift.'],
  bundle_invalid: [
    'A file of the model is not what it should be: it was changed or cut on its way.',
    'Reload the page; if it stays, tell whoever runs this server.',
  ],
  message_invalid: ['The server said something that makes no sense.', 'Reload the page; if it stays, tell whoever runs this server.'],
  unit_too_large: ['A unit of work was too large for a tab. It went back to the server.', ''],
  lease_expired: ['A unit took too long and went to somebody else.', 'There is nothing to do.'],
});
