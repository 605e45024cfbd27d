// What the identity takes from npm. The one module whose imports webapp/build.py rewrites: a browser
// knows no packages, so it gets their files and addresses of them.

export { generateMnemonic, mnemonicToSeedWebcrypto, validateMnemonic } from '@scure/bip39';
export { wordlist } from '@scure/bip39/wordlists/english.js';
export { getPublicKeyAsync, signAsync } from '@noble/ed25519';
