package lifeline

import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

private val longest = 30.seconds

/** Pauses between attempts: anything from nothing to 1, 2, 4 … 30 s. A whole city's phones must not come back in one second. */
class Backoff(private val random: Random = Random.Default) {
  private var ceiling = 1.seconds

  fun next(): Duration {
    val pause = ceiling * random.nextDouble()
    ceiling = minOf(ceiling * 2, longest)
    return pause
  }

  fun reset() {
    ceiling = 1.seconds
  }
}

/** Pauses between polls: the server's hint after something new, then × 1.5 each time up to 30 s. */
class PollInterval {
  private var current: Duration? = null

  fun next(hint: Duration, somethingNew: Boolean): Duration {
    val previous = current
    val pause = if (somethingNew || previous == null) hint else minOf(previous * 1.5, longest)
    current = pause
    return pause
  }

  /** After a poll without an answer, and so without a hint. */
  fun next(): Duration = next(hint = 5.seconds, somethingNew = false)
}
