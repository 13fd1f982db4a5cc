package lifeline

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withTimeoutOrNull

private const val failuresBeforePolling = 3
private val patience = 5.seconds
private val provenAfter = 10.seconds

/**
 * One stream of events, each handed to [handle] once: pushed while there is a socket, polled while there is none. An event at which [handle]
 * throws stays un-acknowledged, and comes again.
 */
class EventStream<T>(
  private val name: String,
  private val source: Source<T>,
  private val inbox: Inbox,
  private val connection: Connection,
  private val tokens: Tokens,
  private val acknowledger: Acknowledger,
  private val report: Report,
  private val handle: suspend (event: Event<T>, via: String) -> Unit,
) {
  private data class Health(val pushing: Boolean, val failures: Int)

  private val health = MutableStateFlow(Health(pushing = false, failures = 0))
  private val turn = Mutex()
  private val unhandled = HashSet<String>()
  private val pushWakes = MutableStateFlow(0)
  private val pollWakes = MutableStateFlow(0)

  @Volatile private var resync = false

  /** Ends only with its scope, or by a [Problem] that no retry mends. */
  suspend fun run(): Unit = coroutineScope {
    launch { push() }
    launch { poll() }
  }

  /** Tries again at once: the network is back, or the app is. */
  fun wake() {
    pushWakes.update { it + 1 }
    pollWakes.update { it + 1 }
  }

  private suspend fun push(): Nothing {
    val backoff = Backoff()
    while (true) {
      val wakes = pushWakes.value
      val opened = TimeSource.Monotonic.markNow()
      val problem = problemOf { watch() } ?: Problem(Next.BACKOFF, "the server ended the stream")
      // A server that takes connections only to drop them is left alone for longer and longer, too.
      if (opened.elapsedNow() > provenAfter && health.value.failures == 0) backoff.reset()
      setPushing(false)
      health.update { it.copy(failures = it.failures + 1) }
      val pause = backoff.next()
      report.retry(name, problem, pause)
      if (withTimeoutOrNull(pause) { pushWakes.first { it != wakes } } != null) backoff.reset()
    }
  }

  /** Always with the newest cursor: with the one of the app's start, everything since would come again each time. */
  private suspend fun watch(): Unit = coroutineScope {
    tokens.current()
    if (resync) catchUp()
    val watching = launch { connection.connected.collect(::setPushing) }
    source.watch(inbox.cursor).collect { take(it, "push") }
    watching.cancel()
  }

  private fun setPushing(up: Boolean) {
    if (health.value.pushing == up) return
    health.update { if (up) Health(pushing = true, failures = 0) else it.copy(pushing = false) }
    report.pushing(name, up)
  }

  private suspend fun poll(): Nothing {
    while (true) {
      health.first { !it.pushing }
      withTimeoutOrNull(patience) { health.first { it.pushing || it.failures >= failuresBeforePolling } }
      val interval = PollInterval()
      var unanswered = false
      while (!health.value.pushing) {
        val wakes = pollWakes.value
        var answer: CatchUp? = null
        problemOf { answer = catchUp() }
        val pause = answer?.let { interval.next(it.pollAfter, it.somethingNew) } ?: interval.next()
        if (unanswered && answer != null) pushWakes.update { it + 1 } // the network is back
        unanswered = answer == null
        report.polled(name, pause)
        withTimeoutOrNull(pause) { combine(health, pollWakes) { now, woken -> now.pushing || woken != wakes }.first { it } }
      }
    }
  }

  private class CatchUp(val somethingNew: Boolean, val pollAfter: Duration)

  /** Everything behind the newest cursor, page by page. */
  private suspend fun catchUp(): CatchUp {
    var after = inbox.cursor
    var somethingNew = false
    while (true) {
      val page = source.poll(after)
      for (event in page.events) if (take(event, "poll")) somethingNew = true
      val end = page.info.endCursor
      turn.withLock {
        // Not past an event that is still to be handled, and not back behind what push brought meanwhile.
        val untouched = inbox.cursor == after || inbox.cursor == page.events.lastOrNull()?.delivery?.cursor
        if (unhandled.isEmpty() && untouched) inbox.moveTo(end)
      }
      if (!page.info.hasNextPage) {
        resync = false
        return CatchUp(somethingNew, page.pollAfter)
      }
      after = end
    }
  }

  /** Handles, remembers, acknowledges, in this order; tells whether the event was new. Push and poll may bring the same one at once. */
  private suspend fun take(event: Event<T>, via: String): Boolean = turn.withLock {
    val known = event.delivery in inbox
    if (known) {
      report.repeat(name, event, via)
    } else {
      try {
        handle(event, via)
      } catch (error: CancellationException) {
        throw error
      } catch (error: Exception) {
        unhandled.add(event.delivery.id)
        report.failed(name, event, error)
        return false
      }
      unhandled.remove(event.delivery.id)
      inbox.remember(event.delivery, advance = unhandled.isEmpty())
    }
    // A repeat says that the acknowledgement was lost.
    if (event.delivery.ackRequired && event.delivery.acknowledgedAt == null) acknowledger.add(event.delivery.id)
    !known
  }

  /** The problem that [attempt] met, prepared for; null when there was none. One that no retry mends is thrown. */
  private suspend fun problemOf(attempt: suspend () -> Unit): Problem? {
    try {
      attempt()
      return null
    } catch (problem: Problem) {
      when (problem.next) {
        Next.NEVER -> throw problem
        Next.AFTER_REFRESH -> tokens.forget()
        Next.AFTER_RESYNC -> {
          turn.withLock { inbox.startAgain() }
          resync = true
        }
        Next.BACKOFF -> Unit
      }
      return problem
    }
  }
}
