package lifeline

import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** The member's token, fetched when there is none and again when asked. Throws a [Problem] that may pass when it cannot be had. */
class Tokens(private val fetch: () -> String) {
  private val turn = Mutex()
  private var held: String? = null

  suspend fun current(): String = turn.withLock { held ?: fetchNow() }

  suspend fun renew(): String = turn.withLock { fetchNow() }

  /** The server did not take it. */
  suspend fun forget() = turn.withLock { held = null }

  private suspend fun fetchNow(): String =
    try {
      withContext(Dispatchers.IO) { fetch() }.also { held = it }
    } catch (error: IOException) {
      throw Problem(Next.BACKOFF, "no token: ${error.message}")
    }
}
