package lifeline

import com.apollographql.apollo.api.http.HttpHeader
import com.apollographql.apollo.exception.ApolloException
import com.apollographql.apollo.network.websocket.ConnectionAckServerMessage
import com.apollographql.apollo.network.websocket.ServerMessage
import com.apollographql.apollo.network.websocket.WebSocket
import com.apollographql.apollo.network.websocket.WebSocketEngine
import com.apollographql.apollo.network.websocket.WebSocketListener
import com.apollographql.apollo.network.websocket.WsProtocol

// Apollo does not tell whether its socket is up, and a stream that is silent may be so because nothing happens. These two tell.

/** Tells when the server has taken the credentials. */
class ObservedProtocol(private val protocol: WsProtocol, private val onUp: () -> Unit) : WsProtocol by protocol {
  override fun parseServerMessage(text: String): ServerMessage =
    protocol.parseServerMessage(text).also { if (it == ConnectionAckServerMessage) onUp() }
}

/** Tells when a socket has ended, whoever ended it. */
class ObservedEngine(private val engine: WebSocketEngine, private val onDown: () -> Unit) : WebSocketEngine by engine {
  override fun newWebSocket(url: String, headers: List<HttpHeader>, listener: WebSocketListener): WebSocket {
    val socket = engine.newWebSocket(url, headers, ObservedListener(listener))
    return object : WebSocket by socket {
      override fun close(code: Int, reason: String) {
        onDown()
        socket.close(code, reason)
      }
    }
  }

  private inner class ObservedListener(private val listener: WebSocketListener) : WebSocketListener by listener {
    override fun onError(cause: ApolloException) {
      onDown()
      listener.onError(cause)
    }

    override fun onClosed(code: Int?, reason: String?) {
      onDown()
      listener.onClosed(code, reason)
    }
  }
}
