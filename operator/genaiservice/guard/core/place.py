# SPDX-License-Identifier: Apache-2.0
"""The place of a text in a request or an answer, for records: words of protocols, nothing else.

Keys of JSON come from clients and models, and may be text themselves (the parameters of a tool, a
form's fields). So only words that protocols define are told; any other is told as `*`.
"""

import re
from typing import Final

MOST: Final = 200
_WORD: Final = re.compile(r"\[\d{1,6}\]|[^.\[\]]+")
_WORDS: Final = """
    annotations answer arguments audio choices citations cited_text code container content
    content_block content_part context created_at custom custom_tool_call data default delta
    description document documents enum error event examples file file_data filename function
    function_call id image_url images input input_schema instructions item items json_schema
    language logprobs logs message messages metadata model name object output outputs parameters
    part partial_json prediction prompt properties queries query question reasoning
    reasoning_content reasoning_details reasoning_text refusal response response_format results
    role schema segments signature source stop stop_sequence suffix summary system template text
    thinking title tokens tool_call tool_calls tool_choice tool_result tool_use tools top_logprobs
    transcript type url usage user value voice words
"""
_KNOWN: Final = frozenset(_WORDS.split())


def told(name: str) -> str:
    """`messages[0].content` as it is, `tools[0].parameters.properties.<a name>` with a `*`."""
    return _WORD.sub(lambda found: found[0] if _is_known(found[0]) else "*", name)[:MOST]


def _is_known(word: str) -> bool:
    return word in _KNOWN or word[0] == "["
