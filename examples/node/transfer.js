// A client in Node, through the generated code and npm's thrift and nothing else: commit, abort, and a crash in the middle.
//
//   npm ci && thrift -r --gen js:node -out gen ../../thrift/coordinator.thrift
//   node transfer.js 127.0.0.1:7420 FROM TO [KEY]
//
// Moves ten cents between two participants that have a table accounts(name, cents). With a KEY it may be run again and again,
// also after a lost connection: the transaction is done once.
'use strict';
const thrift = require('thrift');
const Coordinator = require('./gen/Coordinator');
const { CallContext, Expectation, Outcome, RowCount, SqlValue, Statement } = require('./gen/common_types');
const { Branch, SubmitRequest, Transaction } = require('./gen/coordinator_types');

const nameOf = (outcome) => Object.keys(Outcome).find((name) => Outcome[name] === outcome);

function move(source, target, cents, key) {
  // An i64 above 2^53 must be given as an Int64 object of the package node-int64: a number has no room for it.
  const change = (by) => new Statement({
    sql: 'UPDATE accounts SET cents = cents + ?1 WHERE name = ?2',
    params: [new SqlValue({ int_value: by }), new SqlValue({ text_value: 'alice' })],
    expect: new Expectation({ kind: RowCount.EXACTLY, rows: 1 }),
  });
  return new Transaction({
    branches: [new Branch({ participant: source, statements: [change(-cents)] }), new Branch({ participant: target, statements: [change(cents)] })],
    idempotency_key: key,
    comment: 'examples/node',
  });
}

// One call over a connection of its own. The package never settles the promise of a call whose connection breaks: that is done here.
function call(address, transaction) {
  const [host, port] = address.split(/:(?=\d+$)/);
  const connection = thrift.createConnection(host, Number(port), {
    transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol, connect_timeout: 5000,
  });
  const broken = new Promise((_, reject) => {
    for (const event of ['error', 'close', 'timeout']) {
      connection.on(event, (why) => reject(Object.assign(new Error(`connection: ${why instanceof Error ? why.message : event}`), { broken: true })));
    }
  });
  const client = new thrift.Multiplexer().createClient('Coordinator', Coordinator, connection);
  const answered = client.submit(new SubmitRequest({ context: new CallContext({ client_name: 'node' }), transaction }));
  return Promise.race([answered, broken]).finally(() => connection.end());
}

// Asks again only because the transaction has a key: without one the outcome would be unknown.
async function submit(address, transaction, patienceMs = 20000) {
  for (const until = Date.now() + patienceMs; ;) {
    try {
      return (await call(address, transaction)).outcome;
    } catch (error) {
      if (!error.broken || !transaction.idempotency_key || Date.now() > until) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }
}

async function main(address, source, target, key) {
  const outcome = await submit(address, move(source, target, 10, key));
  console.log(nameOf(outcome.outcome), outcome.gtid, outcome.replayed ? '(the first answer to this key)' : '');
  const tooMuch = await submit(address, move(source, target, 1000000000));
  console.log(nameOf(tooMuch.outcome), tooMuch.reason.code, '-', tooMuch.reason.detail);
  return outcome.outcome === Outcome.COMMITTED && tooMuch.outcome === Outcome.ABORTED ? 0 : 1;
}

main(...process.argv.slice(2)).then((code) => { process.exitCode = code; }, (error) => {
  console.error(error);
  process.exitCode = 1;
});
