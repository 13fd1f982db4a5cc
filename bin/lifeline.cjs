#!/usr/bin/env node
'use strict';

// Starts Lifeline on a Node that can run it. Kept in the JavaScript of Node 12 (no `?.`, no `node:`), so that a Node that is too old
// reaches the sentence below instead of a syntax error.

var childProcess = require('child_process');
var fs = require('fs');
var path = require('path');
var url = require('url');

// As in `npm start` and the image: docs/decisions/015.
var nodeOptions = ['--max-semi-space-size=16'];
var enough = '22.18'; // the first that runs TypeScript as it is; among the 23s, 23.6

function isEnough(version) {
  var parts = version.split('.').map(Number);
  return parts[0] > 23 || (parts[0] === 23 && parts[1] >= 6) || (parts[0] === 22 && parts[1] >= 18);
}

function refuse() {
  process.stderr.write(
    'Lifeline needs Node ' + enough + ' or newer and this is ' + process.versions.node + ': install Node 24, then start again.\n',
  );
  process.exit(1);
}

/** The Node that `npm install` brings along as an optional dependency; null where none fits the platform. */
function shippedNode() {
  try {
    return require.resolve('node-' + process.platform + '-' + process.arch + '/bin/node');
  } catch {
    return null;
  }
}

function runHere() {
  var source = path.join(__dirname, '..', 'src', 'main.ts');
  var fromSource = fs.existsSync(source);
  var main = fromSource ? source : path.join(__dirname, '..', 'dist', 'main.js');
  if (!fs.existsSync(main)) {
    process.stderr.write('Lifeline is not built: run `npm run build`, then start again.\n');
    process.exit(1);
  }
  if (fromSource) muteTypeStrippingWarning();
  import(url.pathToFileURL(main).href).catch(function (error) {
    process.stderr.write(String((error && error.stack) || error) + '\n');
    process.exit(1);
  });
}

/** Node 22 and 23 call running TypeScript experimental on every start; every other warning stays. */
function muteTypeStrippingWarning() {
  var emitWarning = process.emitWarning.bind(process);
  process.emitWarning = function (warning) {
    if (/Type Stripping/.test(String(warning))) return;
    emitWarning.apply(null, arguments);
  };
}

function runOn(node) {
  // What was started is started again: this file, or the build, which asks for this file's help.
  var child = childProcess.spawn(node, nodeOptions.concat(process.argv[1] || __filename, process.argv.slice(2)), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Its own process group: Ctrl-C would otherwise reach it twice, from the terminal and from here, and twice means "at once".
    detached: true,
  });
  ['SIGTERM', 'SIGINT', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('error', refuse);
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal); // ends as the server did, for whoever reads our status
  });
}

function main() {
  if (isEnough(process.versions.node)) {
    if (process.argv[2] === '--check-node') return;
    runHere();
    return;
  }
  var node = process.argv[2] === '--check-node' ? null : shippedNode();
  if (node === null) refuse();
  else runOn(node);
}

main();
